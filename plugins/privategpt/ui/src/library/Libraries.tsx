import {
  api,
  Button,
  Dialog,
  Empty,
  Failure,
  Form,
  Go,
  Loading,
  PageHead,
  TextField,
  take,
  textOf,
  useProjects,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
import { Library as LibraryIcon, Plus } from "lucide-react";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { useFormatter, useTranslations } from "use-intl";

/** My libraries: the projects of this showcase. */
export function Libraries() {
  const t = useTranslations("library");
  const format = useFormatter();
  const [making, setMaking] = useState(false);
  const projects = useProjects();
  const { hasNextPage, fetchNextPage } = projects;
  useEffect(() => {
    if (hasNextPage) void fetchNextPage();
  }, [hasNextPage, fetchNextPage]);
  const libraries = projects.rows?.filter(({ type }) => type === "privategpt");
  const make = (
    <Button
      look="primary"
      icon={<Plus aria-hidden className="size-4" />}
      onClick={() => setMaking(true)}
    >
      {t("new")}
    </Button>
  );
  return (
    <>
      <PageHead
        title={t("title")}
        text={t("text")}
        actions={libraries?.length ? make : undefined}
      />
      {projects.isPending && <Loading />}
      {projects.error && <Failure error={projects.error} onRetry={() => void projects.refetch()} />}
      {libraries?.length === 0 && (
        <Empty
          icon={<LibraryIcon aria-hidden className="size-8" />}
          title={t("none")}
          text={t("noneText")}
          action={make}
        />
      )}
      <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {libraries?.map((library) => (
          <li key={library.id}>
            <Go
              to={`/apps/privategpt/projects/${library.id}`}
              className="grid h-full gap-1 rounded-xl border border-line bg-surface p-5 hover:border-accent"
            >
              <span className="font-semibold break-words">{library.name}</span>
              <span className="text-sm text-muted">
                {format.dateTime(new Date(library.updated_at), { dateStyle: "medium" })}
              </span>
            </Go>
          </li>
        ))}
      </ul>
      <NewLibrary open={making} onClose={() => setMaking(false)} />
    </>
  );
}

function NewLibrary({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useTranslations("library");
  const actions = useTranslations("kit.actions");
  const go = useNavigate();
  const queries = useQueryClient();
  const make = async (fields: FormData) => {
    const body = { name: textOf(fields, "name"), type: "privategpt", config: {} };
    const library = await take(api.POST("/projects", { body }));
    void queries.invalidateQueries({ queryKey: ["projects"] });
    void go(`/apps/privategpt/projects/${library.id}`);
  };
  return (
    <Dialog title={t("new")} open={open} onClose={onClose}>
      <Form send={make} action={actions("create")}>
        <TextField label={t("name")} name="name" required maxLength={255} autoFocus />
      </Form>
    </Dialog>
  );
}
