import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from "react";
import { IntlProvider, type Messages } from "use-intl";
import { Problem } from "../api/problem";
import { type Catalogues, kitMessages } from "../messages";
import { Toasts } from "../ui/toasts";
import { isChosen, type Language, preferredLanguage, remember, speak } from "./language";
import { SessionProvider, useSession } from "./Session";
import { showTheme, storedTheme } from "./theme";

const RETRIES = 3;

/** Reading goes on by itself after a break; what is refused is not asked again. */
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) =>
        failures < RETRIES && !(error instanceof Problem && !error.passing),
    },
  },
});

interface Spoken {
  language: Language;
  /** Change it; on this device for good, unless `forGood` is false. */
  setLanguage: (language: Language, forGood?: boolean) => void;
}

const Context = createContext<Spoken | undefined>(undefined);

/** The language of the page, and how to change it. */
export function useLanguage(): Spoken {
  const spoken = useContext(Context);
  if (!spoken) throw new Error("useLanguage needs a KitProvider around it");
  return spoken;
}

interface KitProviderProps {
  /** The package's own texts, in every language. */
  messages: Catalogues<Omit<Messages, "kit">>;
  children: ReactNode;
}

/** What every page stands in: language, session, data, toasts. */
export function KitProvider({ messages, children }: KitProviderProps) {
  const [language, show] = useState(preferredLanguage);
  const setLanguage = useCallback((chosen: Language, forGood = true) => {
    if (forGood) remember(chosen);
    speak(chosen);
    show(chosen);
    void queries.invalidateQueries();
  }, []);
  useEffect(() => speak(language), [language]);
  useEffect(() => showTheme(storedTheme()), []);
  const texts = { ...kitMessages[language], ...messages[language] } as Messages;
  return (
    <IntlProvider locale={language} messages={texts} timeZone={timeZone()}>
      <Context value={{ language, setLanguage }}>
        <QueryClientProvider client={queries}>
          <SessionProvider>
            <AccountLanguage />
            <Toasts>{children}</Toasts>
          </SessionProvider>
        </QueryClientProvider>
      </Context>
    </IntlProvider>
  );
}

/** The account's language counts where none was chosen on this device. */
function AccountLanguage() {
  const { user } = useSession();
  const { language, setLanguage } = useLanguage();
  const theirs = user?.language;
  useEffect(() => {
    if (theirs && theirs !== language && !isChosen()) setLanguage(theirs, false);
  }, [theirs, language, setLanguage]);
  return null;
}

function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
