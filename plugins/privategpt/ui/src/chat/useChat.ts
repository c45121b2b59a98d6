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

interface ChatEvents {
  routed: Facts;
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
  const begun = useRef<string>(undefined);
  const history = useHistory(projectId, conversationId);

  const { data } = history;
  useEffect(() => {
    if (data && !leave.current) setShown(exchangesOf(data.messages));
  }, [data]);
  useEffect(() => {
    // Another conversation: what was on its way belongs to the one that is left.
    if (conversationId === begun.current) return;
    leave.current?.abort();
    begun.current = conversationId;
    setShown([]);
  }, [conversationId]);
  useEffect(() => () => leave.current?.abort(), []);

  const change = (values: Partial<Exchange>) =>
    setShown((all) => [...all.slice(0, -1), { ...(all.at(-1) as Exchange), ...values }]);

  const ask = useCallback(
    async (question: string, ways: Ways, replaces?: Exchange) => {
      const controller = new AbortController();
      leave.current = controller;
      setShown((all) => [
        ...(replaces ? all.slice(0, all.indexOf(replaces)) : all),
        { ...NEW, question },
      ]);
      let answer = "";
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
          if (name === "routed") change({ facts: data as ChatEvents["routed"] });
          if (name === "delta") {
            answer += (data as ChatEvents["delta"]).text;
            change({ answer });
          }
          if (name === "done") return finish(data as Answer);
        }
        throw new Problem(0);
      } catch (problem) {
        const stopped = controller.signal.aborted;
        change({
          running: false,
          ...(stopped ? { facts: { finish_reason: "stopped" } } : { problem }),
        });
        // What was said to somebody who stopped is kept, a moment later.
        if (stopped) setTimeout(() => void queries.invalidateQueries(), 700);
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
        void queries.invalidateQueries({ queryKey: ["conversations", projectId] });
        void queries.invalidateQueries({ queryKey: ["conversation", done.conversation_id] });
        void queries.invalidateQueries({ queryKey: ["project", projectId, "counts"] });
        if (!conversationId) {
          begun.current = done.conversation_id;
          onBegun(done.conversation_id);
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
    queryFn: () =>
      take(
        api.GET("/privategpt/projects/{project_id}/conversations/{conversation_id}", {
          params: { path: { project_id: projectId, conversation_id: conversationId ?? "" } },
        }),
      ),
  });
}
