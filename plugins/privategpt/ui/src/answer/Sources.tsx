import { Badge, classes } from "@baukasten/kit";
import { useFormatter, useTranslations } from "use-intl";
import type { Citation } from "./types";

interface SourcesProps {
  citations: Citation[];
  onOpen: (citation: Citation) => void;
}

/** What an answer rests on: each passage with its document, page and relevance. */
export function Sources({ citations, onOpen }: SourcesProps) {
  const t = useTranslations("answer");
  const format = useFormatter();
  if (!citations.length) return null;
  return (
    <details open className="rounded-lg border border-line">
      <summary className="px-3 py-1.5 text-sm font-medium">{t("sources")}</summary>
      <ol className="grid gap-2 px-3 pb-3">
        {citations.map((citation) => (
          <li key={citation.number} className="text-sm">
            <button
              type="button"
              disabled={citation.gone}
              onClick={() => onOpen(citation)}
              className="flex flex-wrap items-center gap-2 text-left font-medium enabled:hover:underline"
            >
              <span>
                [{citation.number}] {citation.title}
              </span>
              {citation.page !== null && (
                <span className="text-muted">{t("page", { page: String(citation.page) })}</span>
              )}
              <span className="text-muted">
                {t("relevance", {
                  percent: format.number(citation.score, {
                    style: "percent",
                    maximumFractionDigits: 0,
                  }),
                })}
              </span>
              {citation.gone && <Badge look="danger">{t("gone")}</Badge>}
              {!citation.verified && <Badge look="warn">{t("unverified")}</Badge>}
            </button>
            <blockquote
              className={classes(
                "mt-1 border-l-2 border-line pl-3 text-muted",
                (!citation.verified || citation.gone) && "line-through",
              )}
            >
              {citation.quote}
            </blockquote>
          </li>
        ))}
      </ol>
    </details>
  );
}
