import {
  api,
  Button,
  Dialog,
  Form,
  SelectField,
  TextArea,
  TextField,
  take,
  textOf,
  useInstallation,
  useLanguage,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
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
  const make = async (fields: FormData) => {
    const project = await take(
      api.POST("/projects", {
        body: {
          name: textOf(fields, "name"),
          type: textOf(fields, "type"),
          description: textOf(fields, "description") || null,
          residency: residencyOf(textOf(fields, "residency")),
          config: {},
        },
      }),
    );
    void queries.invalidateQueries({ queryKey: ["projects"] });
    onClose();
    void go(`/console/projects/${project.id}`);
  };
  return (
    <Dialog title={t("new")} open={open} onClose={onClose}>
      <Form
        send={make}
        action={actions("create")}
        beside={<Button onClick={onClose}>{actions("cancel")}</Button>}
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
      </Form>
    </Dialog>
  );
}
