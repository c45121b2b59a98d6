import { useQuery } from "@tanstack/react-query";
import { CircleUser, Menu as MenuIcon, WifiOff } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useLocation } from "react-router";
import { useTranslations } from "use-intl";
import { api, take } from "../api/client";
import { buttonClasses } from "../ui/button";
import { classes } from "../ui/classes";
import { Menu, MenuButton, menuItemClasses } from "../ui/menu";
import { useLanguage } from "./KitProvider";
import { LANGUAGE_NAMES, LANGUAGES, type Language } from "./language";
import { Go } from "./links";
import { useSession } from "./Session";
import { showTheme, storedTheme, type Theme } from "./theme";

/** What this installation is: title, text, regions, showcases. */
export function useInstallation() {
  return useQuery({
    queryKey: ["system"],
    queryFn: () => take(api.GET("/system")),
    staleTime: 60_000,
  });
}

/** What a showcase is called in the reader's language; undefined where none of that name is there. */
export function useShowcaseTitle(name: string): string | undefined {
  const { language } = useLanguage();
  const { data } = useInstallation();
  const title = data?.showcases.find((showcase) => showcase.name === name)?.title;
  return title?.[language] ?? title?.en;
}

/** The frame of every page: navigation above, the page below. `wide` leaves it the whole width. */
export function Shell({ wide, children }: { wide?: boolean; children: ReactNode }) {
  const t = useTranslations("kit.nav");
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only rounded-lg bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:absolute focus:z-50"
      >
        {t("skip")}
      </a>
      <TopBar />
      <Offline />
      <main
        id="content"
        tabIndex={-1}
        className={classes("w-full grow outline-none", !wide && "mx-auto max-w-6xl px-4 py-8")}
      >
        {children}
      </main>
    </div>
  );
}

function TopBar() {
  const t = useTranslations("kit.nav");
  const { user } = useSession();
  const { data: installation } = useInstallation();
  return (
    <header className="sticky top-0 z-30 border-b border-line bg-surface">
      <div className="mx-auto flex h-14 max-w-6xl items-center gap-4 px-4">
        <Go to="/" className="flex min-w-0 items-center gap-2 font-semibold">
          <img src="/console/icon.svg" alt="" width="24" height="24" />
          <span className="truncate">{installation?.title ?? "Baukasten"}</span>
        </Go>
        <nav aria-label={t("main")} className="hidden grow gap-1 sm:flex">
          {user && <NavigationLinks />}
        </nav>
        <div className="ml-auto flex items-center gap-1">
          {user === null && (
            <Go to="/console/sign-in" className={buttonClasses("primary")}>
              {t("signIn")}
            </Go>
          )}
          <AccountMenu />
        </div>
      </div>
    </header>
  );
}

function NavigationLinks({ className }: { className?: string }) {
  const t = useTranslations("kit.nav");
  const { user } = useSession();
  const { pathname } = useLocation();
  const links = [
    { to: "/console/projects", name: t("projects"), here: /^\/(console\/projects|apps\/)/ },
    { to: "/console/admin", name: t("admin"), here: /^\/console\/admin/, hidden: !user?.is_admin },
  ];
  return links
    .filter((link) => !link.hidden)
    .map(({ to, name, here }) => (
      <Go
        key={to}
        to={to}
        aria-current={here.test(pathname) ? "page" : undefined}
        className={classes(
          className ?? "rounded-lg px-3 py-1.5 hover:bg-sunken",
          here.test(pathname) && "bg-sunken font-medium",
        )}
      >
        {name}
      </Go>
    ));
}

function AccountMenu() {
  const t = useTranslations("kit.nav");
  const { user, signOut } = useSession();
  const [theme, setTheme] = useState(storedTheme);
  return (
    <Menu
      name={user ? `${t("account")}: ${user.email}` : t("account")}
      label={
        <>
          {user ? (
            <CircleUser aria-hidden className="size-5" />
          ) : (
            <MenuIcon aria-hidden className="size-5" />
          )}
          {user && <span className="hidden max-w-48 truncate md:inline">{user.email}</span>}
        </>
      }
    >
      {user && (
        <div className="grid border-b border-line pb-1 sm:hidden">
          <NavigationLinks className={menuItemClasses} />
        </div>
      )}
      {user && (
        <Go to="/console/profile" className={menuItemClasses}>
          {t("profile")}
        </Go>
      )}
      <LanguageChoice />
      <Choice
        label={t("theme")}
        value={theme}
        options={(["system", "light", "dark"] as const).map((one) => [one, t(`themes.${one}`)])}
        onChange={(chosen) => {
          showTheme(chosen as Theme);
          setTheme(chosen as Theme);
        }}
      />
      {user && <MenuButton onClick={() => void signOut()}>{t("signOut")}</MenuButton>}
    </Menu>
  );
}

/** The language, for this device and, signed in, for the account: mails follow it. */
function LanguageChoice() {
  const t = useTranslations("kit.nav");
  const { language, setLanguage } = useLanguage();
  const { user } = useSession();
  const choose = (chosen: Language) => {
    setLanguage(chosen);
    if (user) void api.PATCH("/users/me", { body: { language: chosen } }).catch(() => undefined);
  };
  return (
    <Choice
      label={t("language")}
      value={language}
      options={LANGUAGES.map((one) => [one, LANGUAGE_NAMES[one]])}
      onChange={(chosen) => choose(chosen as Language)}
    />
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="flex items-center justify-between gap-4 px-3 py-1">
      <span>{label}</span>
      <select
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="rounded-lg border border-line bg-surface px-2 py-1"
      >
        {options.map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Offline() {
  const t = useTranslations("kit.states");
  const online = useOnline();
  return (
    <div role="status">
      {!online && (
        <p className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-2 text-warn">
          <WifiOff aria-hidden className="size-4 shrink-0" />
          {t("offline")}
        </p>
      )}
    </div>
  );
}

/** Whether the browser has a network. */
export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  return online;
}
