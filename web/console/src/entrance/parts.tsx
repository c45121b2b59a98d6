import { Card, Failure, Problem, TextField } from "@baukasten/kit";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";

export const MIN_PASSWORD = 8;

/** A narrow sheet in the middle. */
export function Sheet({
  title,
  text,
  children,
}: {
  title: string;
  text?: string;
  children: ReactNode;
}) {
  return (
    <Card className="mx-auto mt-6 grid max-w-md gap-5">
      <header>
        <h1>{title}</h1>
        {text && <p className="mt-1 text-muted">{text}</p>}
      </header>
      {children}
    </Card>
  );
}

/** What a form's fields hold, whether it is being sent, and what went wrong. */
export function useForm(send: (fields: Record<string, string>) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    setBusy(true);
    setError(undefined);
    try {
      await send(fields);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, onSubmit: (event: FormEvent<HTMLFormElement>) => void onSubmit(event) };
}

interface FormFailureProps {
  error: unknown;
  /** What the contract's literals mean here. */
  literals?: Record<string, string>;
}

export function FormFailure({ error, literals = {} }: FormFailureProps) {
  if (!error) return null;
  const literal = error instanceof Problem ? error.literal : undefined;
  return <Failure error={error} text={literal && literals[literal]} />;
}

export function EmailField() {
  const t = useTranslations("entrance");
  return (
    <TextField label={t("email")} name="email" type="email" autoComplete="username" required />
  );
}

export function NewPasswordField({ label }: { label: string }) {
  const t = useTranslations("entrance");
  return (
    <TextField
      label={label}
      name="password"
      type="password"
      autoComplete="new-password"
      minLength={MIN_PASSWORD}
      required
      hint={t("passwordHint", { count: String(MIN_PASSWORD) })}
    />
  );
}

/** What a mailed link or another site's sign-in put behind the `#`, which no server sees. It is
 * taken out of the address bar at once, so that nobody reads it over a shoulder or in a history. */
export function takeFragment(): URLSearchParams {
  const found = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return found;
}
