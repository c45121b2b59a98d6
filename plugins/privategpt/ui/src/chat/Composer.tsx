import { Button } from "@baukasten/kit";
import { ArrowUp, Square } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { DocumentFilter } from "./DocumentFilter";
import { ModelChoice } from "./ModelChoice";
import type { Ways } from "./useChat";

const SHORTEST = 3;
const LONGEST = 4000;

interface ComposerProps {
  projectId: string;
  running: boolean;
  ways: Ways;
  onWays: (ways: Ways) => void;
  onAsk: (question: string) => void;
  onStop: () => void;
}

/** Where a question is written, and how it is to be answered. */
export function Composer({ projectId, running, ways, onWays, onAsk, onStop }: ComposerProps) {
  const t = useTranslations("chat");
  const [text, setText] = useState("");
  const box = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim().length >= SHORTEST && !running;
  const send = () => {
    if (!ready) return;
    onAsk(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send();
    }
    if (event.key === "Escape" && running) onStop();
  };
  useEffect(() => box.current?.focus(), []);
  return (
    <form
      className="border-t border-line bg-canvas"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="mx-auto grid max-w-3xl gap-2 px-4 py-3">
        <div className="flex items-end gap-2 rounded-2xl border border-line bg-surface p-2">
          <textarea
            ref={box}
            aria-label={t("question")}
            placeholder={t("placeholder")}
            title={t("hint")}
            rows={Math.min(6, text.split("\n").length)}
            maxLength={LONGEST}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
            className="max-h-48 min-w-0 grow resize-none rounded-xl bg-transparent px-2 py-1.5 placeholder:text-muted"
          />
          {running ? (
            <Button icon={<Square aria-hidden className="size-4" />} onClick={onStop}>
              {t("stop")}
            </Button>
          ) : (
            <Button
              type="submit"
              look="primary"
              disabled={!ready}
              icon={<ArrowUp aria-hidden className="size-4" />}
            >
              {t("send")}
            </Button>
          )}
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <ModelChoice projectId={projectId} ways={ways} onWays={onWays} />
          <DocumentFilter projectId={projectId} ways={ways} onWays={onWays} />
        </div>
      </div>
    </form>
  );
}
