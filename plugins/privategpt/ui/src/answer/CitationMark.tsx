import { classes } from "@baukasten/kit";
import { useTranslations } from "use-intl";
import type { Citation } from "./types";

interface MarkProps {
  number: number;
  citation?: Citation;
  onOpen: (citation: Citation) => void;
}

/** A number in an answer: it opens the passage it stands for, or says why it can't. */
export function CitationMark({ number, citation, onOpen }: MarkProps) {
  const t = useTranslations("answer");
  if (!citation) return <span className="text-muted line-through">[{number}]</span>;
  const fault = citation.gone ? t("gone") : citation.verified ? "" : t("unverified");
  const label = [t("citation", { number: String(number), title: citation.title }), fault]
    .filter(Boolean)
    .join(", ");
  return (
    <button
      type="button"
      aria-label={label}
      title={`${label}\n“${citation.quote}”`}
      disabled={citation.gone}
      onClick={() => onOpen(citation)}
      className={classes(
        "mx-0.5 inline-flex min-h-6 min-w-6 items-center justify-center rounded-md px-1 align-baseline text-xs font-semibold",
        fault
          ? "bg-warn-soft text-warn line-through"
          : "bg-accent-soft text-accent hover:underline",
      )}
    >
      {number}
    </button>
  );
}
