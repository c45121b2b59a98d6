import { type ReactNode, useEffect, useId, useRef } from "react";
import { classes } from "./classes";

interface MenuProps {
  /** What opens it. */
  label: ReactNode;
  name: string;
  className?: string;
  children: ReactNode;
}

/** A disclosure: a button and what it opens below itself. Closes on Escape, on a click beside, and
 * when one of its buttons or links was pressed. */
export function Menu({ label, name, className, children }: MenuProps) {
  const details = useRef<HTMLDetailsElement>(null);
  const id = useId();
  useEffect(() => {
    const close = (event: Event) => {
      const there = details.current;
      if (!there?.open) return;
      const escaped = event instanceof KeyboardEvent && event.key === "Escape";
      const beside = event.type === "pointerdown" && !there.contains(event.target as Node);
      if (escaped || beside) there.open = false;
      if (escaped) there.querySelector("summary")?.focus();
    };
    addEventListener("keydown", close);
    addEventListener("pointerdown", close);
    return () => {
      removeEventListener("keydown", close);
      removeEventListener("pointerdown", close);
    };
  }, []);
  return (
    <details ref={details} className={classes("relative", className)}>
      <summary
        aria-label={name}
        title={name}
        aria-controls={id}
        className="flex min-h-9 list-none items-center gap-1.5 rounded-lg px-2 hover:bg-sunken [&::-webkit-details-marker]:hidden"
      >
        {label}
      </summary>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: hears what its buttons and links do */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a key on a button is a click, too */}
      <div
        id={id}
        onClick={(event) => {
          const pressed = (event.target as Element).closest("button, a");
          if (pressed && details.current) details.current.open = false;
        }}
        className="absolute right-0 z-40 mt-1 grid min-w-56 gap-1 rounded-xl border border-line bg-surface p-2 shadow-xl"
      >
        {children}
      </div>
    </details>
  );
}

const ITEM = "flex w-full items-center gap-2 rounded-lg px-3 py-1.5 text-left hover:bg-sunken";

export function MenuButton({ children, ...rest }: React.ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" {...rest} className={ITEM}>
      {children}
    </button>
  );
}

export const menuItemClasses = ITEM;
