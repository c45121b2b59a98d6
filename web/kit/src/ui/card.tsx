import type { ReactNode } from "react";
import { classes } from "./classes";

/** A sheet that holds what belongs together. */
export function Card({ className, children }: { className?: string; children: ReactNode }) {
  return (
    <section className={classes("min-w-0 rounded-xl border border-line bg-surface p-5", className)}>
      {children}
    </section>
  );
}

/** The head of a page: its title, a sentence, and what can be done. */
export function PageHead({
  title,
  text,
  actions,
}: {
  title: ReactNode;
  text?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className="mb-6 flex flex-wrap items-start justify-between gap-3">
      <div className="min-w-0">
        <h1 className="break-words">{title}</h1>
        {text && <p className="mt-1 max-w-prose text-muted">{text}</p>}
      </div>
      {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}

/** One figure with its name. */
export function Tile({ name, value, hint }: { name: string; value: ReactNode; hint?: string }) {
  return (
    <div className="min-w-0 rounded-xl border border-line bg-surface p-3 sm:p-4">
      <p className="text-sm break-words hyphens-auto text-muted">{name}</p>
      <p className="mt-1 text-2xl font-semibold tabular-nums">{value}</p>
      {hint && <p className="text-sm text-muted">{hint}</p>}
    </div>
  );
}
