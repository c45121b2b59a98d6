import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { classes } from "./classes";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:opacity-90",
  secondary: "border border-line bg-surface hover:bg-sunken",
  quiet: "hover:bg-sunken",
  danger: "border border-danger text-danger hover:bg-danger-soft",
} as const;

export type ButtonLook = keyof typeof LOOKS;

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: ButtonLook;
  /** Something is under way: shown, and the button can't be pressed again. */
  busy?: boolean;
  icon?: ReactNode;
}

export const buttonClasses = (look: ButtonLook = "secondary", more?: string) =>
  classes(
    "inline-flex min-h-9 items-center justify-center gap-2 rounded-lg px-3.5 py-1.5 font-medium",
    "transition disabled:cursor-not-allowed disabled:opacity-55",
    LOOKS[look],
    more,
  );

export function Button({ look, busy, icon, className, children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={buttonClasses(look, className)}
    >
      {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** What it does, for those who don't see the picture. */
  label: string;
}

export function IconButton({ label, className, children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={classes(
        "inline-flex size-9 shrink-0 items-center justify-center rounded-lg text-muted",
        "transition hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-55",
        className,
      )}
    >
      {children}
    </button>
  );
}
