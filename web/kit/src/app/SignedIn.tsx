import type { ReactNode } from "react";
import { useEffect } from "react";
import { useLocation } from "react-router";
import { Loading } from "../ui/states";
import { useSession } from "./Session";
import { Shell } from "./Shell";

/** The sign-in page that leads back to `next`, which stands in the fragment: no server sees it. */
export function signInPage(next: string): string {
  return `/console/sign-in#next=${encodeURIComponent(next)}`;
}

/** Pages that somebody must be signed in for; others are sent to the sign-in and back. */
export function SignedIn({ children }: { children: ReactNode }) {
  const { user } = useSession();
  const { pathname, search } = useLocation();
  useEffect(() => {
    if (user === null) location.assign(signInPage(pathname + search));
  }, [user, pathname, search]);
  if (user) return children;
  return (
    <Shell>
      <Loading />
    </Shell>
  );
}
