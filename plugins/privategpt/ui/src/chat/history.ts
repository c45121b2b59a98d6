import type { components } from "@baukasten/kit";
import type { Exchange, Facts } from "../answer/types";

type Turn = components["schemas"]["ConversationWithMessages"]["messages"][number];

/** Stored turns as questions with their answers. */
export function exchangesOf(turns: readonly Turn[]): Exchange[] {
  const found: Exchange[] = [];
  for (const turn of turns) {
    if (turn.role === "user") {
      found.push({
        questionId: turn.id,
        question: turn.content,
        answer: "",
        citations: [],
        facts: {},
        running: false,
      });
    } else if (found.length) {
      Object.assign(found.at(-1) as Exchange, {
        answer: turn.content,
        citations: turn.citations,
        facts: turn.meta as Facts,
      });
    }
  }
  return found;
}
