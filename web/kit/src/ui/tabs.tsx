import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { classes } from "./classes";

interface Tab {
  name: string;
  content: ReactNode;
}

/** Parts of a page, one shown at a time; arrow keys change between them. */
export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  const id = useId();
  const [current, setCurrent] = useState(0);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (current + step + tabs.length) % tabs.length;
    setCurrent(next);
    document.getElementById(`${id}-tab-${next}`)?.focus();
  };
  return (
    <>
      <div
        role="tablist"
        aria-label={label}
        onKeyDown={move}
        className="mb-5 flex gap-1 border-b border-line"
      >
        {tabs.map(({ name }, number) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-tab-${number}`}
            aria-controls={`${id}-panel`}
            aria-selected={number === current}
            tabIndex={number === current ? 0 : -1}
            onClick={() => setCurrent(number)}
            className={classes(
              "-mb-px border-b-2 px-3 py-2",
              number === current
                ? "border-accent font-medium text-accent"
                : "border-transparent text-muted hover:text-ink",
            )}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-tab-${current}`}>
        {tabs[current]?.content}
      </div>
    </>
  );
}
