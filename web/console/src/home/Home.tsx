import {
  api,
  Badge,
  buttonClasses,
  Card,
  type components,
  Empty,
  Failure,
  Go,
  Loading,
  takePage,
  useInstallation,
  useLanguage,
  useSession,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { ArrowRight, Blocks, ShieldCheck } from "lucide-react";
import { useFormatter, useTranslations } from "use-intl";

type Installation = components["schemas"]["InstallationOut"];

/** The front page: what this installation is, where data is processed, what can be done here. */
export function Home() {
  const { data: installation, error, refetch } = useInstallation();
  const { user } = useSession();
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!installation) return <Loading />;
  return (
    <div className="grid gap-10">
      <Welcome installation={installation} />
      {user && <Recent />}
      <Showcases installation={installation} />
      <Residency installation={installation} />
    </div>
  );
}

function Welcome({ installation }: { installation: Installation }) {
  const t = useTranslations("home");
  const { language } = useLanguage();
  const { user } = useSession();
  return (
    <section className="grid gap-4 py-4">
      <h1 className="text-4xl">{installation.title}</h1>
      <p className="max-w-prose text-lg whitespace-pre-line text-muted">
        {installation.text[language] ?? installation.text.en}
      </p>
      {user === null && (
        <p className="flex flex-wrap items-center gap-3">
          <Go to="/console/sign-in" className={buttonClasses("primary")}>
            {t("start")}
          </Go>
          {installation.registration ? (
            <Go to="/console/sign-up" className={buttonClasses()}>
              {t("signUp")}
            </Go>
          ) : (
            <span className="text-muted">{t("signUpClosed")}</span>
          )}
        </p>
      )}
    </section>
  );
}

function Recent() {
  const t = useTranslations("home");
  const format = useFormatter();
  const { data } = useQuery({
    queryKey: ["projects", "recent"],
    queryFn: () => takePage(api.GET("/projects", { params: { query: { limit: 4 } } })),
  });
  if (!data?.rows.length) return null;
  return (
    <section className="grid gap-3">
      <h2>{t("recent")}</h2>
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
        {data.rows.map((project) => (
          <li key={project.id}>
            <Go
              to={`/console/projects/${project.id}`}
              className="block h-full rounded-xl border border-line bg-surface p-4 hover:border-accent"
            >
              <span className="block font-medium break-words">{project.name}</span>
              <span className="text-sm text-muted">
                {format.dateTime(new Date(project.updated_at), { dateStyle: "medium" })}
              </span>
            </Go>
          </li>
        ))}
      </ul>
      <Go to="/console/projects" className="inline-flex items-center gap-1 text-accent">
        {t("all")}
        <ArrowRight aria-hidden className="size-4" />
      </Go>
    </section>
  );
}

function Showcases({ installation }: { installation: Installation }) {
  const t = useTranslations("home");
  const { language } = useLanguage();
  return (
    <section className="grid gap-3">
      <h2>{t("showcases")}</h2>
      {installation.showcases.length === 0 && <Empty title={t("none")} />}
      <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {installation.showcases.map(({ name, title, description, pages }) => (
          <li key={name}>
            <Card className="grid h-full content-start gap-2">
              <Blocks aria-hidden className="size-6 text-accent" />
              <h3 className="font-semibold">
                {pages ? (
                  <Go to={`/apps/${name}/`} className="hover:underline">
                    {title[language] ?? title.en}
                  </Go>
                ) : (
                  (title[language] ?? title.en)
                )}
              </h3>
              <p className="text-muted">{description[language] ?? description.en}</p>
              {!pages && (
                <p>
                  <Badge>{t("noPages")}</Badge>
                </p>
              )}
            </Card>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Residency({ installation }: { installation: Installation }) {
  const t = useTranslations("home");
  const outside = installation.residency.filter((region) => region !== "local");
  return (
    <section className="flex gap-4 rounded-xl bg-accent-soft p-5">
      <ShieldCheck aria-hidden className="mt-1 size-6 shrink-0 text-accent" />
      <div className="grid gap-1">
        <h2>{t("processed")}</h2>
        <p>
          {outside.length
            ? t("processedElsewhere", { regions: outside.join(", ").toUpperCase() })
            : t("processedLocal")}
        </p>
        <p className="flex gap-4">
          <a href="/docs" className="text-accent underline">
            {t("reference")}
          </a>
          <a href="/health" className="text-accent underline">
            {t("health")}
          </a>
        </p>
      </div>
    </section>
  );
}
