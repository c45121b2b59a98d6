import { answerEvents, api, Problem, take } from "@baukasten/kit";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Answer, Citation, Exchange, Facts } from "../answer/types";
import { exchangesOf } from "./history";

/** How a question is asked: by whom it is answered, and from which documents. */
export interface Ways {
  provider?: string;
  model?: string;
  documents?: string[];
}

/** Where an answer is kept, also one that was stopped. */
interface Place {
  conversation_id: string;
  message_id: string;
}

interface ChatEvents {
  routed: Facts & Place;
  delta: { text: string };
  citations: { citations: Citation[] };
  done: Answer;
}

const NEW: Exchange = { question: "", answer: "", citations: [], facts: {}, running: true };

/**
 * A conversation as it is shown: what is stored, and what is on its way.
 *
 * @param onBegun told the id of a conversation that its first answer has made
 */
export function useChat(
  projectId: string,
  conversationId: string | undefined,
  onBegun: (id: string) => void,
) {
  const queries = useQueryClient();
  const [shown, setShown] = useState<Exchange[]>([]);
  const leave = useRef<AbortController>(undefined);
  /** The conversation that is open; null when the page was left. */
  const open = useRef<string | null>(undefined);
  const history = useHistory(projectId, conversationId);

  const { data } = history;
  useEffect(() => {
    if (data && !leave.current) setShown(exchangesOf(data.messages));
  }, [data]);
  useEffect(() => {
    // Another conversation: what was on its way belongs to the one that is left.
    if (conversationId === open.current) return;
    leave.current?.abort();
    open.current = conversationId;
    setShown([]);
  }, [conversationId]);
  useEffect(
    () => () => {
      leave.current?.abort();
      open.current = null;
    },
    [],
  );

  const change = (values: Partial<Exchange>) =>
    setShown((all) => [...all.slice(0, -1), { ...(all.at(-1) as Exchange), ...values }]);

  const ask = useCallback(
    async (question: string, ways: Ways, replaces?: Exchange) => {
      const controller = new AbortController();
      leave.current = controller;
      const isShown = () => leave.current === controller && open.current === conversationId;
      setShown((all) => [
        ...(replaces ? all.slice(0, all.indexOf(replaces)) : all),
        { ...NEW, question },
      ]);
      let answer = "";
      let place: Place | undefined;
      try {
        const body = {
          ...ways,
          question,
          conversation_id: conversationId,
          replaces: replaces?.questionId,
          stream: true,
        };
        const url = `/privategpt/projects/${projectId}/ask`;
        const asked = answerEvents<never>(url, body, controller.signal);
        for await (const { name, data } of asked) {
          if (name === "routed") {
            place = data as ChatEvents["routed"];
            change({ facts: data as ChatEvents["routed"] });
          }
          if (name === "delta") {
            answer += (data as ChatEvents["delta"]).text;
            change({ answer });
          }
          if (name === "done") return finish(data as Answer);
        }
        throw new Problem(0);
      } catch (problem) {
        const stopped = controller.signal.aborted;
        const end = stopped ? { facts: { finish_reason: "stopped" } } : { problem };
        if (isShown()) change({ running: false, ...end });
        const cut = stopped || (problem instanceof Problem && problem.kind === "offline");
        if (cut && place && (await isKept(projectId, place, () => open.current !== null)))
          settle(place);
      } finally {
        if (leave.current === controller) leave.current = undefined;
      }

      function finish(done: Answer) {
        change({
          questionId: done.question_id,
          answer: done.answer,
          citations: done.citations,
          facts: done,
          running: false,
        });
        settle(done);
      }

      /** What is stored has changed, and may be a conversation that was not there before. */
      function settle({ conversation_id }: Place) {
        void queries.invalidateQueries({ queryKey: ["conversations", projectId] });
        void queries.invalidateQueries({ queryKey: ["conversation", conversation_id] });
        void queries.invalidateQueries({ queryKey: ["project", projectId, "counts"] });
        if (!conversationId && isShown()) {
          open.current = conversation_id;
          onBegun(conversation_id);
        }
      }
    },
    [projectId, conversationId, queries, onBegun],
  );

  return {
    exchanges: shown,
    running: shown.at(-1)?.running ?? false,
    loading: conversationId !== undefined && history.isPending && !shown.length,
    error: history.error,
    ask,
    stop: () => leave.current?.abort(),
  };
}

function useHistory(projectId: string, conversationId: string | undefined) {
  return useQuery({
    queryKey: ["conversation", conversationId],
    enabled: conversationId !== undefined,
    queryFn: () => read(projectId, conversationId ?? ""),
  });
}

function read(project_id: string, conversation_id: string) {
  const path = { project_id, conversation_id };
  return take(
    api.GET("/privategpt/projects/{project_id}/conversations/{conversation_id}", {
      params: { path },
    }),
  );
}

const LOOKS = 20;
const LOOK_AGAIN_MS = 150;
const NO_CONNECTION_MS = 2000;

/**
 * Whether what was said before somebody stopped, or lost the connection, is stored. It is written
 * after they have left; without a connection this waits for it, as long as `wanted`.
 */
async function isKept(projectId: string, place: Place, wanted: () => boolean) {
  for (let looks = 0; looks < LOOKS && wanted(); ) {
    let pause = LOOK_AGAIN_MS;
    try {
      const { messages } = await read(projectId, place.conversation_id);
      if (messages.some(({ id }) => id === place.message_id)) return true;
      looks += 1;
    } catch (problem) {
      // 404 while a new conversation is not written down yet.
      if (problem instanceof Problem && problem.passing) pause = NO_CONNECTION_MS;
      else looks += 1;
    }
    await new Promise((again) => setTimeout(again, pause));
  }
  return false;
}
