import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronUp, Download } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { api, download, take } from "../api/client";
import { Problem } from "../api/problem";
import { Badge } from "../ui/badge";
import { Button, IconButton } from "../ui/button";
import { classes } from "../ui/classes";
import { Dialog } from "../ui/dialog";
import { Empty, Failure, Loading } from "../ui/states";
import { type Block, blocks, type Span } from "./spans";

interface PreviewProps {
  /** Null: nothing is shown. */
  documentId: string | null;
  /** The passages to mark, in code points of the document's text. */
  spans?: readonly Span[];
  /** What stands above the text: where the passages come from. */
  note?: React.ReactNode;
  onClose: () => void;
}

const NONE: readonly Span[] = [];

/** A document's text in a dialog, its passages marked and the first of them in sight. */
export function DocumentPreview({ documentId, spans = NONE, note, onClose }: PreviewProps) {
  const t = useTranslations("kit.documents");
  const { data, error, refetch } = useQuery({
    queryKey: ["document", documentId],
    enabled: documentId !== null,
    queryFn: () =>
      take(
        api.GET("/documents/{document_id}", {
          params: { path: { document_id: documentId ?? "" } },
        }),
      ),
  });
  const gone = error instanceof Problem && error.status === 404;
  const name = data?.title || data?.filename || data?.url || "";
  return (
    <Dialog title={t("preview", { name })} open={documentId !== null} onClose={onClose} wide>
      {!data && !error && <Loading />}
      {gone && <Empty title={t("gone")} />}
      {error && !gone && <Failure error={error} onRetry={() => void refetch()} />}
      {data && (
        <div className="grid gap-3">
          <div className="flex flex-wrap items-center gap-2">
            <Badge>{data.type}</Badge>
            {data.pages > 0 && <Badge>{t("pages", { count: data.pages })}</Badge>}
            {note}
            <Button
              className="ml-auto"
              icon={<Download aria-hidden className="size-4" />}
              onClick={() => void download(`/documents/${data.id}/file`)}
            >
              {t("original")}
            </Button>
          </div>
          {data.content ? (
            <MarkedText text={data.content} spans={spans} label={name} />
          ) : (
            <Empty title={t("noText")} />
          )}
        </div>
      )}
    </Dialog>
  );
}

/** A long text, of which only what is in sight is in the page. */
function MarkedText({
  text,
  spans,
  label,
}: {
  text: string;
  spans: readonly Span[];
  label: string;
}) {
  const t = useTranslations("kit.documents");
  const [current, setCurrent] = useState(0);
  const pane = useRef<HTMLElement>(null);
  const parts = useMemo(() => blocks(text, spans), [text, spans]);
  const rows = useVirtualizer({
    count: parts.length,
    getScrollElement: () => pane.current,
    estimateSize: () => 700,
    overscan: 3,
  });
  useEffect(() => {
    const at = parts.findIndex(({ marks }) => marks.some(({ number }) => number === current));
    if (at < 0) return;
    rows.scrollToIndex(at, { align: "start" });
    // The block must be there before its mark can be brought into sight.
    const frame = requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        pane.current
          ?.querySelector(`[data-passage="${current}"]`)
          ?.scrollIntoView({ block: "center" }),
      ),
    );
    return () => cancelAnimationFrame(frame);
  }, [parts, current, rows.scrollToIndex]);
  return (
    <>
      {spans.length > 1 && (
        <div className="flex items-center gap-1">
          <IconButton
            label={t("previous")}
            onClick={() => setCurrent((current + spans.length - 1) % spans.length)}
          >
            <ChevronUp aria-hidden className="size-4" />
          </IconButton>
          <IconButton label={t("next")} onClick={() => setCurrent((current + 1) % spans.length)}>
            <ChevronDown aria-hidden className="size-4" />
          </IconButton>
          <span role="status" className="text-sm text-muted">
            {t("passage", { number: String(current + 1), count: String(spans.length) })}
          </span>
        </div>
      )}
      <section
        ref={pane}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        tabIndex={0}
        className="h-[60dvh] overflow-y-auto rounded-lg bg-canvas p-4"
      >
        <div className="relative w-full" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <div
              key={row.key}
              data-index={row.index}
              ref={rows.measureElement}
              className="absolute top-0 left-0 w-full break-words whitespace-pre-wrap"
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <Marked block={parts[row.index] as Block} current={current} />
            </div>
          ))}
        </div>
      </section>
    </>
  );
}

function Marked({ block, current }: { block: Block; current: number }) {
  const pieces: React.ReactNode[] = [];
  let at = 0;
  for (const { start, end, number } of [...block.marks].sort((a, b) => a.start - b.start)) {
    const from = Math.max(start, at);
    if (end <= from) continue;
    pieces.push(block.text.slice(at, from));
    pieces.push(
      <mark
        key={number}
        data-passage={number}
        className={classes(number === current && "outline-2 outline-accent")}
      >
        {block.text.slice(from, end)}
      </mark>,
    );
    at = end;
  }
  return [...pieces, block.text.slice(at)];
}
