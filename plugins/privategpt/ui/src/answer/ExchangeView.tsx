import { Button, Failure, IconButton, Loading } from "@baukasten/kit";
import { Pencil, RotateCcw } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { AnswerText } from "./AnswerText";
import { AnswerFacts } from "./Facts";
import { Sources } from "./Sources";
import type { Citation, Exchange } from "./types";

interface ExchangeProps {
  exchange: Exchange;
  onOpen: (citation: Citation) => void;
  /** Ask in the place of this question, the same or another. */
  onAskInstead: (question: string) => void;
  busy: boolean;
}

/** A question and its answer. */
export function ExchangeView({ exchange, onOpen, onAskInstead, busy }: ExchangeProps) {
  const t = useTranslations();
  const [editing, setEditing] = useState(false);
  const { question, answer, citations, facts, running, problem } = exchange;
  return (
    <article className="grid gap-3">
      <div className="ml-auto grid max-w-[85%] gap-1">
        <h2 className="sr-only">{t("answer.you")}</h2>
        {editing ? (
          <EditQuestion
            question={question}
            onCancel={() => setEditing(false)}
            onAsk={(text) => {
              setEditing(false);
              onAskInstead(text);
            }}
          />
        ) : (
          <p className="rounded-2xl bg-accent-soft px-4 py-2 break-words whitespace-pre-wrap">
            {question}
          </p>
        )}
        {!editing && !running && (
          <div className="flex justify-end">
            <IconButton label={t("chat.edit")} disabled={busy} onClick={() => setEditing(true)}>
              <Pencil aria-hidden className="size-4" />
            </IconButton>
            <IconButton
              label={t("chat.again")}
              disabled={busy}
              onClick={() => onAskInstead(question)}
            >
              <RotateCcw aria-hidden className="size-4" />
            </IconButton>
          </div>
        )}
      </div>
      <div className="grid gap-3 rounded-2xl border border-line bg-surface p-4">
        <h2 className="sr-only">{t("answer.answer")}</h2>
        {running && !answer && <Loading label={t("chat.asking")} />}
        {problem !== undefined && (
          <Failure error={problem} onRetry={() => onAskInstead(question)} />
        )}
        {answer && <AnswerText text={answer} citations={citations} onOpen={onOpen} />}
        <Sources citations={citations} onOpen={onOpen} />
        <AnswerFacts facts={facts} />
      </div>
    </article>
  );
}

interface EditProps {
  question: string;
  onAsk: (question: string) => void;
  onCancel: () => void;
}

function EditQuestion({ question, onAsk, onCancel }: EditProps) {
  const t = useTranslations();
  const [text, setText] = useState(question);
  return (
    <form
      className="grid min-w-72 gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        onAsk(text.trim());
      }}
    >
      <textarea
        aria-label={t("chat.question")}
        // biome-ignore lint/a11y/noAutofocus: whoever chose to edit wants to type here
        autoFocus
        rows={3}
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="w-full rounded-lg border border-line bg-surface p-2"
      />
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>{t("kit.actions.cancel")}</Button>
        <Button type="submit" look="primary" disabled={text.trim().length < 3}>
          {t("chat.askAgain")}
        </Button>
      </div>
    </form>
  );
}
