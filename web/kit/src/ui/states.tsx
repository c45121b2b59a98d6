import { CircleAlert, CircleHelp, LoaderCircle } from "lucide-react";
import { type ReactNode, useId } from "react";
import { useTranslations } from "use-intl";
import { Problem } from "../api/problem";
import { Button } from "./button";
import { classes } from "./classes";

/** While something loads. */
export function Loading({ label }: { label?: string }) {
  const t = useTranslations("kit.states");
  return (
    <p role="status" className="flex items-center gap-2 p-4 text-muted">
      <LoaderCircle aria-hidden className="size-4 animate-spin" />
      {label ?? t("loading")}
    </p>
  );
}

interface EmptyProps {
  icon?: ReactNode;
  title?: string;
  text?: ReactNode;
  action?: ReactNode;
}

/** Where there is nothing yet: why, and what to do about it. */
export function Empty({ icon, title, text, action }: EmptyProps) {
  const t = useTranslations("kit.states");
  return (
    <div className="grid justify-items-center gap-2 rounded-xl border border-dashed border-line px-6 py-10 text-center">
      {icon && <div className="text-muted">{icon}</div>}
      <p className="font-medium">{title ?? t("empty")}</p>
      {text && <p className="max-w-prose text-muted">{text}</p>}
      {action}
    </div>
  );
}

const KINDS = {
  offline: "offline",
  unauthorized: "unauthorized",
  forbidden: "forbidden",
  residency: "residency",
  "not-found": "notFound",
  conflict: "conflict",
  "too-large": "tooLarge",
  "unsupported-type": "unsupportedType",
  unprocessable: "unprocessable",
  validation: "validation",
  "too-many-requests": "tooMany",
  budget: "budget",
  unavailable: "unavailable",
  "database-unavailable": "unavailable",
  provider: "provider",
  "provider-not-configured": "provider",
  "provider-unavailable": "unavailable",
  "provider-timeout": "unavailable",
  "provider-rejected": "provider",
  "invalid-output": "provider",
  "model-not-found": "modelNotFound",
  "stream-interrupted": "interrupted",
  "bad-request": "badRequest",
} as const;

/** What a failure means, in the reader's language. */
export function useProblemText(): (error: unknown) => string {
  const t = useTranslations("kit.errors");
  return (error) => {
    const kind = error instanceof Problem ? error.kind : "unknown";
    return t(KINDS[kind as keyof typeof KINDS] ?? "unknown");
  };
}

interface FailureProps {
  error: unknown;
  /** What it means here, where that is known better than in general. */
  text?: string;
  onRetry?: () => void;
  className?: string;
}

/** What went wrong, what it means, and the platform's own words for those who want them. */
export function Failure({ error, text, onRetry, className }: FailureProps) {
  const t = useTranslations("kit");
  const explain = useProblemText();
  const problem = error instanceof Problem ? error : undefined;
  return (
    <div
      role="alert"
      className={classes("flex gap-3 rounded-lg bg-danger-soft p-3 text-danger", className)}
    >
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 grow">
        <p className="font-medium">{text ?? explain(error)}</p>
        {problem?.sentence && (
          <details className="text-sm" open={text === undefined}>
            <summary>{t("states.details")}</summary>
            <p lang={problem.body.message ? undefined : "en"} className="break-words">
              {problem.sentence}
            </p>
            {problem.body.request_id && (
              <p className="font-mono text-xs">
                {t("states.request", { id: problem.body.request_id })}
              </p>
            )}
          </details>
        )}
      </div>
      {onRetry && (
        <Button className="self-start text-ink" onClick={onRetry}>
          {t("actions.retry")}
        </Button>
      )}
    </div>
  );
}

/** A help text that teaches, behind a question mark. */
export function Help({ children }: { children: ReactNode }) {
  const t = useTranslations("kit.actions");
  const id = useId();
  return (
    <>
      <button
        type="button"
        popoverTarget={id}
        aria-label={t("help")}
        title={t("help")}
        className="inline-flex rounded-full p-1 align-middle text-muted hover:text-ink"
      >
        <CircleHelp aria-hidden className="size-4" />
      </button>
      <div
        id={id}
        popover="auto"
        className="m-auto max-w-sm rounded-xl border border-line bg-surface p-4 text-sm text-ink shadow-xl"
      >
        {children}
      </div>
    </>
  );
}
