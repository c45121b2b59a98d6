import type { components } from "@baukasten/kit";

export type Citation = components["schemas"]["CitationOut"];
export type Answer = components["schemas"]["AnswerOut"];

/** What an answer says about itself; of a stored one, its message's `meta`. */
export type Facts = Partial<
  Pick<
    Answer,
    | "found"
    | "grounded"
    | "unknown_citations"
    | "method"
    | "provider"
    | "model"
    | "region"
    | "usage"
    | "finish_reason"
    | "seconds"
    | "first_seconds"
  >
>;

/** A question and what came of it, whether stored or on its way. */
export interface Exchange {
  questionId?: string;
  question: string;
  answer: string;
  citations: Citation[];
  facts: Facts;
  /** It is being written. */
  running: boolean;
  /** Why it broke off. */
  problem?: unknown;
}
