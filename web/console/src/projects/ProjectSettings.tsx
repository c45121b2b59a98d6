import {
  api,
  Button,
  Card,
  Confirm,
  type components,
  Failure,
  TextArea,
  TextField,
  useToast,
} from "@baukasten/kit";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
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
  const path = { project_id: project.id };
  const save = useMutation({
    mutationFn: (form: FormData) =>
      api.PATCH("/projects/{project_id}", {
        params: { path },
        body: {
          name: String(form.get("name")),
          description: String(form.get("description")) || null,
          residency: residencyOf(String(form.get("residency"))),
        },
      }),
    onSuccess: () => {
      say(t("saved"));
      void queries.invalidateQueries({ queryKey: ["project", project.id] });
      void queries.invalidateQueries({ queryKey: ["projects"] });
    },
  });
  return (
    <div className="grid max-w-2xl gap-6">
      <Card>
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate(new FormData(event.currentTarget));
          }}
        >
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
          {save.error && <Failure error={save.error} />}
          <Button type="submit" look="primary" busy={save.isPending} className="justify-self-start">
            {actions("save")}
          </Button>
        </form>
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
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () =>
      api.DELETE("/projects/{project_id}", { params: { path: { project_id: project.id } } }),
    onSuccess: () => {
      say(t("deleted"));
      void go("/console/projects");
      void queries.invalidateQueries({ queryKey: ["projects"] });
    },
  });
  return (
    <div>
      <Button look="danger" onClick={() => setAsking(true)}>
        {t("delete")}
      </Button>
      <Confirm
        title={t("delete")}
        text={t("deleteText")}
        action={t("delete")}
        word={project.name}
        wordLabel={t("clearWord")}
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => remove.mutateAsync()}
        failure={remove.error && <Failure error={remove.error} />}
      />
    </div>
  );
}
