import {
  buttonClasses,
  ClearDocuments,
  DocumentList,
  DocumentPreview,
  Dropzone,
  Failure,
  Go,
  Loading,
  PageHead,
  RegionBadge,
  SearchBox,
  type Span,
  Tabs,
  Tile,
  UploadList,
} from "@baukasten/kit";
import { MessageCircleQuestion } from "lucide-react";
import { useState } from "react";
import { useParams } from "react-router";
import { useFormatter, useTranslations } from "use-intl";
import { useCounts, useProject } from "./queries";

interface Opened {
  id: string;
  spans?: Span[];
}

/** One library: how much is in it, its documents, and the way to ask. */
export function Library() {
  const t = useTranslations("library");
  const { projectId = "" } = useParams();
  const project = useProject(projectId);
  const [opened, setOpened] = useState<Opened>();
  if (project.error)
    return <Failure error={project.error} onRetry={() => void project.refetch()} />;
  if (!project.data) return <Loading />;
  return (
    <>
      <PageHead
        title={project.data.name}
        text={
          <span className="flex flex-wrap items-center gap-2">
            {project.data.description}
            {(project.data.residency ?? []).map((region) => (
              <RegionBadge key={region} region={region} />
            ))}
          </span>
        }
        actions={
          <>
            <Go to={`/console/projects/${projectId}`} className={buttonClasses()}>
              {t("settings")}
            </Go>
            <Go
              to={`/apps/privategpt/projects/${projectId}/conversations`}
              className={buttonClasses("primary")}
            >
              <MessageCircleQuestion aria-hidden className="size-4" />
              {t("ask")}
            </Go>
          </>
        }
      />
      <Tiles projectId={projectId} />
      <Tabs
        label={t("tabs")}
        tabs={[
          {
            name: t("documents"),
            content: (
              <div className="grid gap-4">
                <Dropzone projectId={projectId} />
                <UploadList projectId={projectId} />
                <DocumentList projectId={projectId} onOpen={({ id }) => setOpened({ id })} />
                <ClearDocuments
                  project={project.data}
                  className="justify-self-end"
                  title={t("clearTitle")}
                  text={t("clearText")}
                  wordLabel={t("clearWord")}
                />
              </div>
            ),
          },
          {
            name: t("search"),
            content: (
              <SearchBox projectId={projectId} onOpen={(id, spans) => setOpened({ id, spans })} />
            ),
          },
        ]}
      />
      <DocumentPreview
        documentId={opened?.id ?? null}
        spans={opened?.spans}
        onClose={() => setOpened(undefined)}
      />
    </>
  );
}

function Tiles({ projectId }: { projectId: string }) {
  const t = useTranslations("library");
  const format = useFormatter();
  const { data } = useCounts(projectId);
  const shown = (count?: number) => (count === undefined ? "–" : format.number(count));
  return (
    <div className="mb-6 grid grid-cols-3 gap-3">
      <Tile name={t("documents")} value={shown(data?.documents)} />
      <Tile name={t("chunks")} value={shown(data?.chunks)} />
      <Tile name={t("conversations")} value={shown(data?.conversations)} />
    </div>
  );
}
