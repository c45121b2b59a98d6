import {
  api,
  Button,
  CheckField,
  Dialog,
  Failure,
  LANGUAGE_NAMES,
  LANGUAGES,
  type Language,
  SelectField,
  TextField,
  useLanguage,
  useToast,
} from "@baukasten/kit";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslations } from "use-intl";

/** Makes an account for somebody, or invites them to choose a password. */
export function AddUser({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useTranslations("admin");
  const nav = useTranslations("kit");
  const say = useToast();
  const { language } = useLanguage();
  const queries = useQueryClient();
  const add = useMutation({
    mutationFn: (form: FormData) =>
      api.POST("/admin/users", {
        body: {
          email: String(form.get("email")),
          password: String(form.get("password")) || null,
          language: String(form.get("language")) as Language,
          is_admin: form.has("is_admin"),
        },
      }),
    onSuccess: (_, form) => {
      say(t("added", { email: String(form.get("email")) }));
      void queries.invalidateQueries({ queryKey: ["admin"] });
      onClose();
    },
  });
  return (
    <Dialog title={t("add")} open={open} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(new FormData(event.currentTarget));
        }}
      >
        <p className="text-muted">{t("addText")}</p>
        <TextField
          label={t("email")}
          name="email"
          type="email"
          required
          autoFocus
          autoComplete="off"
        />
        <TextField
          label={t("password")}
          name="password"
          type="password"
          minLength={8}
          autoComplete="new-password"
          hint={t("passwordHint")}
        />
        <SelectField label={nav("nav.language")} name="language" defaultValue={language}>
          {LANGUAGES.map((one) => (
            <option key={one} value={one}>
              {LANGUAGE_NAMES[one]}
            </option>
          ))}
        </SelectField>
        <CheckField label={t("makeAdmin")} name="is_admin" />
        {add.error && <Failure error={add.error} />}
        <Button type="submit" look="primary" busy={add.isPending} className="justify-self-end">
          {nav("actions.create")}
        </Button>
      </form>
    </Dialog>
  );
}
