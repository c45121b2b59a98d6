import {
  api,
  Badge,
  buttonClasses,
  type components,
  DocumentPreview,
  Failure,
  Go,
  Loading,
  PageHead,
  RegionBadge,
  SearchBox,
  type Span,
  Tabs,
  take,
  useInstallation,
  useShowcaseTitle,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { useTranslations } from "use-intl";
import { Documents } from "./Documents";
import { ProjectSettings } from "./ProjectSettings";

type Detail = components["schemas"]["ProjectDetail"];

/** One project: its documents, a search in them, its settings. `?document=` opens one. */
export function Component() {
  const t = useTranslations("projects");
  const { projectId = "" } = useParams();
  const [parameters, setParameters] = useSearchParams();
  const [spans, setSpans] = useState<Span[]>();
  const project = useQuery({
    queryKey: ["project", projectId],
    queryFn: () =>
      take(api.GET("/projects/{project_id}", { params: { path: { project_id: projectId } } })),
    refetchInterval: ({ state }) => (inWork(state.data) ? 3_000 : false),
  });
  if (project.error) {
    return <Failure error={project.error} onRetry={() => void project.refetch()} />;
  }
  if (!project.data) return <Loading />;
  const open = (document: string, marked?: Span[]) => {
    setSpans(marked);
    setParameters({ document });
  };
  return (
    <>
      <Head project={project.data} />
      <Tabs
        label={t("tabs")}
        tabs={[
          {
            name: t("documents"),
            content: <Documents project={project.data} onOpen={(row) => open(row.id)} />,
          },
          { name: t("search"), content: <SearchBox projectId={projectId} onOpen={open} /> },
          { name: t("settings"), content: <ProjectSettings project={project.data} /> },
        ]}
      />
      <DocumentPreview
        documentId={parameters.get("document")}
        spans={spans}
        onClose={() => setParameters({})}
      />
    </>
  );
}

function inWork(project?: Detail): number {
  return project ? project.documents.queued + project.documents.processing : 0;
}

function Head({ project }: { project: Detail }) {
  const t = useTranslations("projects");
  const { data: installation } = useInstallation();
  const title = useShowcaseTitle(project.type);
  const pages = installation?.showcases.find(({ name }) => name === project.type)?.pages;
  const { ready, failed } = project.documents;
  return (
    <PageHead
      title={project.name}
      text={
        <>
          {project.description && <span className="block">{project.description}</span>}
          <span className="mt-2 flex flex-wrap gap-2">
            <Badge look="good">{t("ready", { ready })}</Badge>
            {inWork(project) > 0 && (
              <Badge look="accent">{t("inWork", { count: inWork(project) })}</Badge>
            )}
            {failed > 0 && <Badge look="danger">{t("failed", { count: failed })}</Badge>}
            {project.residency?.map((region) => (
              <RegionBadge key={region} region={region} />
            ))}
          </span>
        </>
      }
      actions={
        pages && (
          <Go
            to={`/apps/${project.type}/projects/${project.id}`}
            className={buttonClasses("primary")}
          >
            {t("openIn", { title: title ?? project.type })}
          </Go>
        )
      }
    />
  );
}
