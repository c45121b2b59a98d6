import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { api, take } from "../api/client";
import type { components } from "../api/schema";
import { accessToken, forget, keep, renew, type TokenAnswer, whenSessionEnds } from "../api/tokens";

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
    const entered = async () => {
      queries.clear();
      await queries.fetchQuery({ queryKey: ME, queryFn: whoAmI });
    };
    return {
      user,
      signIn: async (email, password) => {
        keep(
          (await take(
            api.POST("/auth/login", {
              params: { header: { "X-Session": "cookie" } },
              body: { username: email, password },
              bodySerializer: (form) => new URLSearchParams(form as Record<string, string>),
            }),
          )) as TokenAnswer,
        );
        await entered();
      },
      adopt: async (token) => {
        await renew(token);
        await entered();
      },
      signOut: async () => {
        await api.POST("/auth/logout").catch(() => undefined);
        forget();
        queries.clear();
        queries.setQueryData(ME, null);
      },
    };
  }, [user, queries]);
  return <Context value={session}>{children}</Context>;
}
