import { type InputHTMLAttributes, type ReactNode, type Ref, useId } from "react";
import { useTranslations } from "use-intl";
import { classes } from "./classes";

const BOX =
  "w-full rounded-lg border border-line bg-surface px-3 py-2 placeholder:text-muted disabled:opacity-60 aria-invalid:border-danger";

interface Labelled {
  label: string;
  /** What belongs here, and why; stands below. */
  hint?: ReactNode;
  /** What is wrong with what was given. */
  error?: string;
}

/** The parts of a field around its box; `children` gets what ties them together for readers. */
export function Field({
  label,
  hint,
  error,
  children,
}: Labelled & { children: (ids: FieldIds) => ReactNode }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {hint && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-sm text-danger">
          {error}
        </p>
      )}
    </div>
  );
}

interface FieldIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

type InputProps = Labelled &
  InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> };

export function TextField({ label, hint, error, className, ...rest }: InputProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <input {...rest} {...ids} className={classes(BOX, className)} />}
    </Field>
  );
}

const SHORTEST_PASSWORD = 8;

type NewPasswordProps = Omit<InputProps, "name" | "type" | "minLength" | "autoComplete">;

/** Where a password is chosen, under the name `password`; the platform wants as many characters. */
export function NewPasswordField({ hint, ...rest }: NewPasswordProps) {
  const t = useTranslations("kit.password");
  return (
    <TextField
      {...rest}
      name="password"
      type="password"
      autoComplete="new-password"
      minLength={SHORTEST_PASSWORD}
      hint={hint ?? t("hint", { count: String(SHORTEST_PASSWORD) })}
    />
  );
}

type AreaProps = Labelled & React.TextareaHTMLAttributes<HTMLTextAreaElement>;

export function TextArea({ label, hint, error, className, ...rest }: AreaProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <textarea rows={4} {...rest} {...ids} className={classes(BOX, className)} />}
    </Field>
  );
}

type SelectProps = Labelled & React.SelectHTMLAttributes<HTMLSelectElement>;

/** A choice among `<option>`s. */
export function SelectField({ label, hint, error, className, children, ...rest }: SelectProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <select {...rest} {...ids} className={classes(BOX, className)}>
          {children}
        </select>
      )}
    </Field>
  );
}

type CheckProps = Omit<Labelled, "error"> & InputHTMLAttributes<HTMLInputElement>;

export function CheckField({ label, hint, className, ...rest }: CheckProps) {
  const id = useId();
  return (
    <div className={classes("flex items-start gap-2", className)}>
      <input
        type="checkbox"
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="mt-1 size-4 accent-accent"
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint && (
          <p id={`${id}-hint`} className="text-sm text-muted">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
