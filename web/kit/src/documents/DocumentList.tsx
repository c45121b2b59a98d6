import { useQueryClient } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { FileText, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { api, takePage } from "../api/client";
import { usePages } from "../api/pages";
import { Badge, type BadgeLook } from "../ui/badge";
import { IconButton } from "../ui/button";
import { Confirm } from "../ui/dialog";
import { Empty, Failure, Loading } from "../ui/states";
import { useToast } from "../ui/toasts";
import type { DocumentRow } from "./uploads";

const PAGE = 100;
const ROW_PX = 57;
const LOOK_AGAIN_MS = 2_000;
const LOOKS: Record<string, BadgeLook> = {
  queued: "neutral",
  processing: "accent",
  ready: "good",
  failed: "danger",
};

interface ListProps {
  projectId: string;
  /** Only those with this in their names. */
  named?: string;
  onOpen: (document: DocumentRow) => void;
  /** Documents that are chosen; without it nothing can be. */
  selected?: ReadonlySet<string>;
  onSelect?: (documentId: string, chosen: boolean) => void;
}

/** All documents of a project, loaded and drawn as one scrolls. */
export function DocumentList({ projectId, named = "", onOpen, selected, onSelect }: ListProps) {
  const t = useTranslations("kit.documents");
  const [deleting, setDeleting] = useState<DocumentRow>();
  const pages = useDocuments(projectId, named);
  const documents = pages.rows ?? [];
  const pane = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: documents.length,
    getScrollElement: () => pane.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const lastShown = rows.getVirtualItems().at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && lastShown > documents.length - PAGE / 2) {
      void fetchNextPage();
    }
  }, [lastShown, documents.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  if (pages.isPending) return <Loading />;
  if (pages.error) return <Failure error={pages.error} onRetry={() => void pages.refetch()} />;
  if (!documents.length && named) return <Empty title={t("nothingFound")} />;
  if (!documents.length) {
    return (
      <Empty
        icon={<FileText aria-hidden className="size-8" />}
        title={t("none")}
        text={t("noneText")}
      />
    );
  }
  return (
    <>
      <div
        ref={pane}
        className="max-h-[65dvh] overflow-y-auto rounded-xl border border-line bg-surface"
      >
        <ul
          aria-label={t("documents")}
          className="relative"
          style={{ height: rows.getTotalSize() }}
        >
          {rows.getVirtualItems().map(({ index, start }) => {
            const document = documents[index] as DocumentRow;
            return (
              <li
                key={document.id}
                aria-setsize={hasNextPage ? -1 : documents.length}
                aria-posinset={index + 1}
                className="absolute top-0 left-0 flex w-full items-center gap-3 border-b border-line px-4"
                style={{ transform: `translateY(${start}px)`, height: ROW_PX }}
              >
                {onSelect && (
                  <input
                    type="checkbox"
                    aria-label={nameOf(document)}
                    className="size-4 accent-accent"
                    checked={selected?.has(document.id) ?? false}
                    onChange={(event) => onSelect(document.id, event.target.checked)}
                  />
                )}
                <DocumentLine document={document} onOpen={() => onOpen(document)} />
                <IconButton
                  label={t("deleteOne", { name: nameOf(document) })}
                  onClick={() => setDeleting(document)}
                >
                  <Trash2 aria-hidden className="size-4" />
                </IconButton>
              </li>
            );
          })}
        </ul>
      </div>
      <DeleteOne document={deleting} projectId={projectId} onClose={() => setDeleting(undefined)} />
    </>
  );
}

function DocumentLine({ document, onOpen }: { document: DocumentRow; onOpen: () => void }) {
  const t = useTranslations("kit.documents");
  const format = useFormatter();
  return (
    <>
      <button type="button" onClick={onOpen} className="min-w-0 grow rounded py-1 text-left">
        <span className="block truncate font-medium">{nameOf(document)}</span>
        <span className="block truncate text-xs text-muted">
          {document.status === "failed" && document.error
            ? document.error
            : [
                document.type,
                format.dateTime(new Date(document.created_at), { dateStyle: "medium" }),
                document.pages ? t("pages", { count: document.pages }) : "",
                document.chunks_done ? t("chunks", { count: document.chunks_done }) : "",
              ]
                .filter(Boolean)
                .join(" · ")}
        </span>
      </button>
      <Badge look={LOOKS[document.status]}>{t(document.status)}</Badge>
    </>
  );
}

interface DeleteProps {
  document: DocumentRow | undefined;
  projectId: string;
  onClose: () => void;
}

function DeleteOne({ document, projectId, onClose }: DeleteProps) {
  const t = useTranslations("kit.documents");
  const say = useToast();
  const queries = useQueryClient();
  const remove = async () => {
    const path = { document_id: document?.id ?? "" };
    await api.DELETE("/documents/{document_id}", { params: { path } });
    say(t("deleted"));
    void queries.invalidateQueries({ queryKey: ["documents", projectId] });
    void queries.invalidateQueries({ queryKey: ["project", projectId] });
  };
  return (
    <Confirm
      title={t("deleteTitle")}
      text={t("deleteText", { name: document ? nameOf(document) : "" })}
      action={t("deleteAction")}
      open={document !== undefined}
      onClose={onClose}
      onConfirm={remove}
    />
  );
}

/** Pages of a project's documents; asked again while one of them is on its way. */
function useDocuments(projectId: string, named: string) {
  return usePages(
    ["documents", projectId, named],
    (cursor) =>
      takePage(
        api.GET("/documents", {
          params: {
            query: { project_id: projectId, limit: PAGE, cursor, ...(named && { search: named }) },
          },
        }),
      ),
    { keep: true, again: (rows) => rows.some(isMoving) && LOOK_AGAIN_MS },
  );
}

function isMoving({ status }: DocumentRow): boolean {
  return status === "queued" || status === "processing";
}

/** What people call a document. */
export function nameOf(document: Pick<DocumentRow, "title" | "filename" | "url">): string {
  return document.title || document.filename || document.url || "–";
}
