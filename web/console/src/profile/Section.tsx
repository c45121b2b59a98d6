import { Card } from "@baukasten/kit";
import type { ReactNode } from "react";

interface SectionProps {
  title: string;
  text?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}

/** A part of the profile. */
export function Section({ title, text, actions, children }: SectionProps) {
  return (
    <Card className="grid gap-4">
      <header className="flex flex-wrap items-start justify-between gap-3">
        <div>
          <h2>{title}</h2>
          {text && <p className="text-muted">{text}</p>}
        </div>
        {actions}
      </header>
      {children}
    </Card>
  );
}
