import {
  api,
  CheckField,
  Dialog,
  Form,
  LANGUAGE_NAMES,
  LANGUAGES,
  type Language,
  NewPasswordField,
  SelectField,
  TextField,
  textOf,
  useLanguage,
  useToast,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslations } from "use-intl";

/** Makes an account for somebody, or invites them to choose a password. */
export function AddUser({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useTranslations("admin");
  const nav = useTranslations("kit");
  const say = useToast();
  const { language } = useLanguage();
  const queries = useQueryClient();
  const add = async (fields: FormData) => {
    const email = textOf(fields, "email");
    await api.POST("/admin/users", {
      body: {
        email,
        password: textOf(fields, "password") || null,
        language: textOf(fields, "language") as Language,
        is_admin: fields.has("is_admin"),
      },
    });
    say(t("added", { email }));
    void queries.invalidateQueries({ queryKey: ["admin"] });
    onClose();
  };
  return (
    <Dialog title={t("add")} open={open} onClose={onClose}>
      <Form send={add} action={nav("actions.create")}>
        <p className="text-muted">{t("addText")}</p>
        <TextField
          label={t("email")}
          name="email"
          type="email"
          required
          autoFocus
          autoComplete="off"
        />
        <NewPasswordField label={t("password")} hint={t("passwordHint")} />
        <SelectField label={nav("nav.language")} name="language" defaultValue={language}>
          {LANGUAGES.map((one) => (
            <option key={one} value={one}>
              {LANGUAGE_NAMES[one]}
            </option>
          ))}
        </SelectField>
        <CheckField label={t("makeAdmin")} name="is_admin" />
      </Form>
    </Dialog>
  );
}
