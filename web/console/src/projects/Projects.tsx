import {
  Button,
  type components,
  Empty,
  Failure,
  Go,
  Loading,
  PageHead,
  RegionBadge,
  useProjects,
  useShowcaseTitle,
} from "@baukasten/kit";
import { FolderOpen, Plus } from "lucide-react";
import { useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { NewProject } from "./NewProject";

/** My tenant's projects, and a new one. */
export function Component() {
  const t = useTranslations("projects");
  const more = useTranslations("kit.actions");
  const [making, setMaking] = useState(false);
  const projects = useProjects();
  const rows = projects.rows ?? [];
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
      <PageHead title={t("title")} text={t("text")} actions={rows.length > 0 && make} />
      {projects.isPending && <Loading />}
      {projects.error && <Failure error={projects.error} onRetry={() => void projects.refetch()} />}
      {projects.data && rows.length === 0 && (
        <Empty
          icon={<FolderOpen aria-hidden className="size-8" />}
          title={t("none")}
          text={t("noneText")}
          action={make}
        />
      )}
      <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {rows.map((project) => (
          <li key={project.id}>
            <ProjectCard project={project} />
          </li>
        ))}
      </ul>
      {projects.hasNextPage && (
        <Button
          className="mt-4"
          busy={projects.isFetchingNextPage}
          onClick={() => void projects.fetchNextPage()}
        >
          {more("more")}
        </Button>
      )}
      <NewProject open={making} onClose={() => setMaking(false)} />
    </>
  );
}

function ProjectCard({ project }: { project: components["schemas"]["ProjectOut"] }) {
  const t = useTranslations("projects");
  const format = useFormatter();
  const title = useShowcaseTitle(project.type);
  const date = format.dateTime(new Date(project.updated_at), { dateStyle: "medium" });
  return (
    <Go
      to={`/console/projects/${project.id}`}
      className="grid h-full content-start gap-1 rounded-xl border border-line bg-surface p-5 hover:border-accent"
    >
      <span className="text-sm text-muted">{title ?? t("other")}</span>
      <span className="font-semibold break-words">{project.name}</span>
      {project.description && (
        <span className="line-clamp-2 text-sm text-muted">{project.description}</span>
      )}
      <span className="mt-1 flex flex-wrap items-center gap-2 text-sm text-muted">
        {t("changed", { date })}
        {project.residency?.map((region) => (
          <RegionBadge key={region} region={region} />
        ))}
      </span>
    </Go>
  );
}
