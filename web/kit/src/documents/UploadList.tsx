import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Badge, type BadgeLook } from "../ui/badge";
import { Button } from "../ui/button";
import { Progress } from "../ui/progress";
import { Failure } from "../ui/states";
import { isOver, type Upload, type UploadState, useUploads } from "./uploads";

const LOOKS: Record<UploadState, BadgeLook> = {
  waiting: "neutral",
  sending: "accent",
  offline: "warn",
  processing: "accent",
  ready: "good",
  failed: "danger",
  duplicate: "neutral",
};

/** The files that are on their way, each with how far it is. */
export function UploadList({ projectId }: { projectId: string }) {
  const t = useTranslations("kit.documents");
  const queries = useQueryClient();
  const { list, dismissDone, retry } = useUploads(projectId);
  const ready = list.filter(({ state }) => state === "ready").length;
  const over = list.filter(isOver).length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks anew whenever one more is over
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ["documents", projectId] });
    void queries.invalidateQueries({ queryKey: ["project", projectId] });
  }, [over, list.length, projectId, queries]);
  if (!list.length) return null;
  return (
    <section aria-label={t("uploads")} className="rounded-xl border border-line bg-surface">
      <header className="flex flex-wrap items-center justify-between gap-2 px-4 py-2">
        <h2 className="text-base">{t("uploads")}</h2>
        <p role="status" className="grow text-sm text-muted">
          {t("done", { ready: String(ready), all: String(list.length) })}
        </p>
        {over > 0 && <Button onClick={dismissDone}>{t("hideDone")}</Button>}
      </header>
      <ul className="max-h-80 overflow-y-auto">
        {list.map((one) => (
          <UploadRow key={one.id} upload={one} onRetry={() => retry(one.id)} />
        ))}
      </ul>
    </section>
  );
}

function UploadRow({ upload, onRetry }: { upload: Upload; onRetry: () => void }) {
  const t = useTranslations("kit.documents");
  const { words, share } = useHowFar(upload);
  const moving = ["sending", "processing"].includes(upload.state);
  return (
    <li className="grid gap-1 border-t border-line px-4 py-2">
      <div className="flex items-center justify-between gap-3">
        <span className="min-w-0 truncate">{upload.name}</span>
        <Badge look={LOOKS[upload.state]}>{words}</Badge>
      </div>
      {moving && <Progress value={share} label={upload.name} />}
      {upload.state === "failed" && (
        <Failure
          error={upload.problem}
          text={upload.problem ? undefined : `${t("failed")}: ${upload.progress?.error ?? ""}`}
          onRetry={upload.documentId ? undefined : onRetry}
        />
      )}
    </li>
  );
}

/** How far an upload is, in words and as a share where it is known. */
function useHowFar({ state, sent, progress }: Upload): { words: string; share?: number } {
  const t = useTranslations("kit.documents");
  const format = useFormatter();
  const percent = (share: number) =>
    format.number(share, { style: "percent", maximumFractionDigits: 0 });
  if (state === "sending")
    return { words: t("uploading", { percent: percent(sent) }), share: sent };
  if (state === "offline" || state === "waiting") {
    return { words: state === "offline" ? t("waiting") : t("queued") };
  }
  if (state !== "processing") return { words: t(state) };
  if (progress?.chunks_total) {
    const share = progress.chunks_done / progress.chunks_total;
    return { words: t("indexing", { percent: percent(share) }), share };
  }
  if (progress?.pages_done && progress.pages) {
    const { pages_done: page, pages } = progress;
    return { words: t("page", { page: String(page), pages: String(pages) }), share: page / pages };
  }
  return { words: t("reading") };
}
