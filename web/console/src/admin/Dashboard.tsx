import {
  api,
  Badge,
  type BadgeLook,
  Card,
  Failure,
  Loading,
  PageHead,
  Table,
  Tile,
  take,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";

const Charts = lazy(() => import("./Charts"));
const LOOK_AGAIN_MS = 15_000;
const PERIODS = [7, 30, 90] as const;
const LOOKS: Record<string, BadgeLook> = {
  ready: "good",
  absent: "neutral",
  degraded: "danger",
  quarantined: "danger",
};

/** How the platform is: figures, health, and what came day by day. */
export function Component() {
  const t = useTranslations("admin");
  return (
    <>
      <PageHead title={t("nav.dashboard")} />
      <div className="grid gap-8">
        <Figures />
        <Health />
        <Timeline />
        <Failures />
      </div>
    </>
  );
}

function Figures() {
  const t = useTranslations("admin.figures");
  const format = useFormatter();
  const stats = useQuery({
    queryKey: ["admin", "stats"],
    queryFn: () => take(api.GET("/admin/stats")),
    refetchInterval: LOOK_AGAIN_MS,
  });
  const jobs = useJobs();
  if (stats.error) return <Failure error={stats.error} onRetry={() => void stats.refetch()} />;
  if (!stats.data) return <Loading />;
  const { total_users, admin_users, total_projects, total_documents, total_chats } = stats.data;
  const counts = jobs.data?.counts ?? {};
  const tiles: [string, number][] = [
    [t("users"), total_users],
    [t("admins"), admin_users],
    [t("projects"), total_projects],
    [t("documents"), total_documents],
    [t("chats"), total_chats],
    [t("waiting"), (counts.todo ?? 0) + (counts.doing ?? 0)],
    [t("failed"), counts.failed ?? 0],
  ];
  return (
    <div className="grid grid-cols-2 gap-3 sm:grid-cols-4 lg:grid-cols-7">
      {tiles.map(([name, value]) => (
        <Tile key={name} name={name} value={format.number(value)} />
      ))}
    </div>
  );
}

function useJobs() {
  return useQuery({
    queryKey: ["admin", "jobs"],
    queryFn: () => take(api.GET("/admin/jobs")),
    refetchInterval: LOOK_AGAIN_MS,
  });
}

function Health() {
  const t = useTranslations("admin");
  const { data, error } = useQuery({
    queryKey: ["health"],
    queryFn: () => take(api.GET("/health")),
    refetchInterval: LOOK_AGAIN_MS,
  });
  if (error) return <Failure error={error} text={t("status.unhealthy")} />;
  if (!data) return null;
  const healthy = data.status === "healthy";
  return (
    <Card className="grid gap-4">
      <header className="flex flex-wrap items-center gap-3">
        <h2>{t("health")}</h2>
        <Badge look={healthy ? "good" : "danger"}>
          {healthy ? t("status.healthy") : t("degradedAll")}
        </Badge>
      </header>
      <div className="grid gap-4 md:grid-cols-3">
        {(["application", "provider", "plugin"] as const).map((kind) => (
          <div key={kind}>
            <h3 className="mb-1 font-medium">{t(`kinds.${kind}`)}</h3>
            <ul className="grid gap-1">
              {data.components
                .filter((row) => row.kind === kind)
                .map((row) => (
                  <li key={row.name} className="text-sm">
                    <span className="flex items-center justify-between gap-2">
                      <span className="min-w-0 truncate">{row.name}</span>
                      <Badge look={LOOKS[row.status]}>{t(`status.${row.status}`)}</Badge>
                    </span>
                    {row.reason && <span className="block text-muted">{row.reason}</span>}
                  </li>
                ))}
            </ul>
          </div>
        ))}
      </div>
    </Card>
  );
}

function Timeline() {
  const t = useTranslations("admin");
  const [days, setDays] = useState<number>(30);
  const { data, error } = useQuery({
    queryKey: ["admin", "timeline", days],
    queryFn: () => take(api.GET("/admin/timeline", { params: { query: { days } } })),
  });
  return (
    <section className="grid gap-3">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h2>{t("timeline")}</h2>
        <select
          aria-label={t("period")}
          value={days}
          onChange={(event) => setDays(Number(event.target.value))}
          className="rounded-lg border border-line bg-surface px-2 py-1"
        >
          {PERIODS.map((one) => (
            <option key={one} value={one}>
              {t("days", { days: String(one) })}
            </option>
          ))}
        </select>
      </header>
      {error && <Failure error={error} />}
      {data ? (
        <Suspense fallback={<Loading />}>
          <Charts days={data.days} />
        </Suspense>
      ) : (
        <Loading />
      )}
    </section>
  );
}

function Failures() {
  const t = useTranslations("admin");
  const format = useFormatter();
  const { data } = useJobs();
  return (
    <section className="grid gap-3">
      <h2>{t("failures")}</h2>
      {data?.failed.length === 0 && <p className="text-muted">{t("noFailures")}</p>}
      {!!data?.failed.length && (
        <Table
          caption={t("failures")}
          rows={data.failed}
          rowKey={(job) => String(job.id)}
          columns={[
            { title: t("task"), cell: (job) => job.task },
            { title: t("attempts"), figure: true, cell: (job) => job.attempts },
            {
              title: t("when"),
              cell: (job) =>
                job.at &&
                format.dateTime(new Date(job.at), { dateStyle: "medium", timeStyle: "short" }),
            },
          ]}
        />
      )}
    </section>
  );
}
