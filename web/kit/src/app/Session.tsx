import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { api, take } from "../api/client";
import type { components } from "../api/schema";
import {
  accessToken,
  forget,
  keep,
  type TokenAnswer,
  takeOver,
  whenSessionEnds,
} from "../api/tokens";

export type Profile = components["schemas"]["ProfileOut"];

interface Session {
  /** Who is signed in; null: nobody; undefined: not known yet. */
  user: Profile | null | undefined;
  signIn: (email: string, password: string) => Promise<void>;
  /** Go on with the token that another site's sign-in handed over. */
  adopt: (token: string) => Promise<void>;
  signOut: () => Promise<void>;
}

const ME = ["me"];
const Context = createContext<Session | undefined>(undefined);

/** Who is signed in, and how to change that. */
export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("useSession needs a KitProvider around it");
  return session;
}

async function whoAmI(): Promise<Profile | null> {
  return (await accessToken()) ? take(api.GET("/users/me")) : null;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data: user } = useQuery({ queryKey: ME, queryFn: whoAmI, staleTime: Infinity });
  useEffect(() => whenSessionEnds(() => queries.setQueryData(ME, null)), [queries]);

  const session = useMemo<Session>(() => {
    // What was read as somebody else is forgotten; who it is now is told to whoever asks.
    const becomes = (now: Profile | null) => {
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== ME[0] });
      queries.setQueryData(ME, now);
    };
    return {
      user,
      signIn: async (email, password) => {
        keep(
          (await take(
            api.POST("/auth/login", {
              params: { header: { "X-Session": "cookie" } },
              body: { username: email, password },
              headers: { "content-type": "application/x-www-form-urlencoded" },
              bodySerializer: (form) => new URLSearchParams(form as Record<string, string>),
            }),
          )) as TokenAnswer,
        );
        becomes(await whoAmI());
      },
      adopt: async (token) => {
        await takeOver(token);
        becomes(await whoAmI());
      },
      signOut: async () => {
        await api.POST("/auth/logout").catch(() => undefined);
        forget();
        becomes(null);
      },
    };
  }, [user, queries]);
  return <Context value={session}>{children}</Context>;
}
