import {
  api,
  Card,
  ConfirmButton,
  type components,
  Form,
  TextArea,
  TextField,
  textOf,
  useToast,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { useTranslations } from "use-intl";
import { ResidencyField, residencyOf } from "./ResidencyField";

type Detail = components["schemas"]["ProjectDetail"];

/** What can be changed of a project, and its end. */
export function ProjectSettings({ project }: { project: Detail }) {
  const t = useTranslations("projects");
  const actions = useTranslations("kit.actions");
  const say = useToast();
  const queries = useQueryClient();
  const save = async (fields: FormData) => {
    await api.PATCH("/projects/{project_id}", {
      params: { path: { project_id: project.id } },
      body: {
        name: textOf(fields, "name"),
        description: textOf(fields, "description") || null,
        residency: residencyOf(textOf(fields, "residency")),
      },
    });
    say(t("saved"));
    void queries.invalidateQueries({ queryKey: ["project", project.id] });
    void queries.invalidateQueries({ queryKey: ["projects"] });
  };
  return (
    <div className="grid max-w-2xl gap-6">
      <Card>
        <Form send={save} action={actions("save")} place="start">
          <TextField
            label={t("name")}
            name="name"
            required
            maxLength={255}
            defaultValue={project.name}
          />
          <TextArea
            label={t("description")}
            name="description"
            maxLength={10_000}
            defaultValue={project.description ?? ""}
          />
          <ResidencyField value={project.residency} />
        </Form>
      </Card>
      <DeleteProject project={project} />
    </div>
  );
}

function DeleteProject({ project }: { project: Detail }) {
  const t = useTranslations("projects");
  const say = useToast();
  const go = useNavigate();
  const queries = useQueryClient();
  const remove = async () => {
    await api.DELETE("/projects/{project_id}", { params: { path: { project_id: project.id } } });
    say(t("deleted"));
    void go("/console/projects");
    void queries.invalidateQueries({ queryKey: ["projects"] });
  };
  return (
    <ConfirmButton
      title={t("delete")}
      text={t("deleteText")}
      action={t("delete")}
      word={project.name}
      wordLabel={t("clearWord")}
      className="justify-self-start"
      onConfirm={remove}
    />
  );
}
