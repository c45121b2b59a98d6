import {
  authorizedFetch,
  Card,
  Empty,
  Failure,
  Form,
  Loading,
  PageHead,
  TextField,
  textOf,
} from "@baukasten/kit";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "react-router";
import { useTranslations } from "use-intl";

/** A project's notes: read, and added to. */
export function Notes() {
  const t = useTranslations("notes");
  const { projectId = "" } = useParams();
  const path = `/notes/projects/${projectId}/notes`;
  const notes = useQuery({
    queryKey: [path],
    queryFn: async () => (await authorizedFetch(path)).json() as Promise<string[]>,
  });
  return (
    <div className="grid gap-4">
      <PageHead title={t("title")} />
      <NewNote path={path} />
      {notes.isPending && <Loading />}
      {notes.error && <Failure error={notes.error} onRetry={() => void notes.refetch()} />}
      {notes.data?.length === 0 && <Empty title={t("none")} />}
      {notes.data?.map((note, number) => (
        <Card key={number}>{note}</Card>
      ))}
    </div>
  );
}

function NewNote({ path }: { path: string }) {
  const t = useTranslations("notes");
  const queries = useQueryClient();
  const add = async (fields: FormData, form: HTMLFormElement) => {
    await authorizedFetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: textOf(fields, "text") }),
    });
    form.reset();
    void queries.invalidateQueries({ queryKey: [path] });
  };
  return (
    <Form send={add} action={t("add")}>
      <TextField label={t("text")} name="text" required />
    </Form>
  );
}
