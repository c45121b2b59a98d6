import { Card, TextField } from "@baukasten/kit";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";

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

export function EmailField() {
  const t = useTranslations("entrance");
  return (
    <TextField label={t("email")} name="email" type="email" autoComplete="username" required />
  );
}

/** What a mailed link or another site's sign-in put behind the `#`, which no server sees. It is
 * taken out of the address bar at once, so that nobody reads it over a shoulder or in a history. */
export function takeFragment(): URLSearchParams {
  const found = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return found;
}
