import {
  api,
  Button,
  Dialog,
  Failure,
  SelectField,
  TextArea,
  TextField,
  take,
  useInstallation,
  useLanguage,
} from "@baukasten/kit";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { useTranslations } from "use-intl";
import { ResidencyField, residencyOf } from "./ResidencyField";

/** Asks for what a new project needs, makes it and opens it. */
export function NewProject({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useTranslations("projects");
  const actions = useTranslations("kit.actions");
  const { language } = useLanguage();
  const { data: installation } = useInstallation();
  const go = useNavigate();
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: (form: FormData) =>
      take(
        api.POST("/projects", {
          body: {
            name: String(form.get("name")),
            type: String(form.get("type")),
            description: String(form.get("description")) || null,
            residency: residencyOf(String(form.get("residency"))),
            config: {},
          },
        }),
      ),
    onSuccess: (project) => {
      void queries.invalidateQueries({ queryKey: ["projects"] });
      onClose();
      void go(`/console/projects/${project.id}`);
    },
  });
  return (
    <Dialog title={t("new")} open={open} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(new FormData(event.currentTarget));
        }}
      >
        <TextField label={t("name")} name="name" required maxLength={255} autoFocus />
        <SelectField label={t("kind")} name="type">
          {installation?.showcases.map(({ name, title }) => (
            <option key={name} value={name}>
              {title[language] ?? title.en}
            </option>
          ))}
          <option value="other">{t("other")}</option>
        </SelectField>
        <TextArea label={t("description")} name="description" maxLength={10_000} rows={2} />
        <ResidencyField />
        {make.error && <Failure error={make.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{actions("cancel")}</Button>
          <Button type="submit" look="primary" busy={make.isPending}>
            {actions("create")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
