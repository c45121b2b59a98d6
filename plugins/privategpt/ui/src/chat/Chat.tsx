import { DocumentPreview, Failure, Loading, RegionBadge } from "@baukasten/kit";
import { useCallback, useEffect, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useTranslations } from "use-intl";
import { ExchangeView } from "../answer/ExchangeView";
import type { Citation } from "../answer/types";
import { useProject } from "../library/queries";
import { Composer } from "./Composer";
import { Sidebar } from "./Sidebar";
import { useChat, type Ways } from "./useChat";

const NEAR_END_PX = 120;

/** A conversation with a library, and the others beside it. */
export function Chat() {
  const t = useTranslations("chat");
  const { projectId = "", conversationId } = useParams();
  const go = useNavigate();
  const base = `/apps/privategpt/projects/${projectId}/conversations`;
  const onBegun = useCallback(
    (id: string) => void go(`${base}/${id}`, { replace: true }),
    [base, go],
  );
  const chat = useChat(projectId, conversationId, onBegun);
  const project = useProject(projectId);
  const [cited, setCited] = useState<Citation>();
  const [ways, setWays] = useState<Ways>({});
  const last = chat.exchanges.at(-1);
  const thread = useFollowed(last?.answer, chat.exchanges.length);
  return (
    <div className="flex h-[calc(100dvh-3.5rem-1px)] min-h-0">
      <Sidebar projectId={projectId} conversationId={conversationId} />
      <div className="flex min-w-0 grow flex-col">
        <div ref={thread} className="min-h-0 grow overflow-y-auto">
          <div className="mx-auto grid max-w-3xl gap-6 px-4 pt-14 pb-6 lg:pt-6">
            <h1 className="sr-only">{project.data?.name ?? t("title")}</h1>
            {chat.loading && <Loading />}
            {chat.error && <Failure error={chat.error} />}
            {project.error && <Failure error={project.error} />}
            {!chat.loading && !chat.error && !chat.exchanges.length && (
              <Welcome residency={project.data?.residency ?? []} name={project.data?.name ?? ""} />
            )}
            {chat.exchanges.map((exchange, number) => (
              <ExchangeView
                key={exchange.questionId ?? `new-${number}`}
                exchange={exchange}
                busy={chat.running}
                onOpen={setCited}
                onAskInstead={(question) => void chat.ask(question, ways, exchange)}
              />
            ))}
            <p role="status" className="sr-only">
              {last && !last.running ? last.answer : ""}
            </p>
          </div>
        </div>
        <Composer
          projectId={projectId}
          running={chat.running}
          ways={ways}
          onWays={setWays}
          onAsk={(question) => void chat.ask(question, ways)}
          onStop={chat.stop}
        />
      </div>
      <CitedPassage citation={cited} onClose={() => setCited(undefined)} />
    </div>
  );
}

function Welcome({ name, residency }: { name: string; residency: string[] }) {
  const t = useTranslations("chat");
  return (
    <div className="grid justify-items-center gap-2 py-16 text-center">
      <p className="text-sm text-muted">{name}</p>
      <p className="text-xl font-semibold">{t("empty")}</p>
      <p className="max-w-prose text-muted">{t("emptyText")}</p>
      <p className="flex gap-2">
        {residency.map((region) => (
          <RegionBadge key={region} region={region} />
        ))}
      </p>
    </div>
  );
}

function CitedPassage({ citation, onClose }: { citation?: Citation; onClose: () => void }) {
  const t = useTranslations("answer");
  return (
    <DocumentPreview
      documentId={citation?.document_id ?? null}
      spans={citation && [{ start: citation.start, end: citation.end }]}
      note={
        citation && (
          <span className="text-sm text-muted">
            [{citation.number}]
            {citation.page !== null && ` ${t("page", { page: String(citation.page) })}`}
            {!citation.verified && ` · ${t("unverified")}`}
          </span>
        )
      }
      onClose={onClose}
    />
  );
}

/** Keeps the end of a growing thread in sight, unless one has scrolled away from it. */
function useFollowed(text: string | undefined, count: number) {
  const thread = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const pane = thread.current;
    if (!pane) return;
    const look = () => {
      atEnd.current = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_END_PX;
    };
    pane.addEventListener("scroll", look, { passive: true });
    return () => pane.removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    if (atEnd.current) thread.current?.scrollTo({ top: thread.current.scrollHeight });
  }, [text, count]);
  return thread;
}
