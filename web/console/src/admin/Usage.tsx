import {
  api,
  Button,
  Card,
  type Column,
  type components,
  download,
  Empty,
  Failure,
  Loading,
  PageHead,
  SelectField,
  Table,
  TextField,
  Tile,
  take,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";

const DayChart = lazy(() => import("./DayChart"));

const GROUPS = ["day", "user", "project", "tenant", "instance", "model"] as const;
type Group = (typeof GROUPS)[number];

type UsageList = components["schemas"]["UsageList"];

interface Row {
  day?: string;
  user_id?: string | null;
  user_email?: string | null;
  project_id?: string | null;
  tenant?: string;
  instance?: string;
  model?: string;
  calls: number;
  answered: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
}

/** What all tenants asked of language models, and what it cost. */
export function Component() {
  const t = useTranslations("admin");
  const today = new Date().toISOString().slice(0, 10);
  const [since, setSince] = useState(`${today.slice(0, 8)}01`);
  const [until, setUntil] = useState(today);
  const [by, setBy] = useState<Group>("model");
  const query = { by, since: `${since}T00:00:00Z`, until: dayAfter(until) };
  const usage = useQuery({
    queryKey: ["admin", "usage", query],
    enabled: since <= until,
    queryFn: async () => (await take(api.GET("/admin/usage", { params: { query } }))) as UsageList,
  });
  const rows = (usage.data?.data ?? []) as Row[];
  return (
    <>
      <PageHead
        title={t("nav.usage")}
        actions={
          <Button
            icon={<Download aria-hidden className="size-4" />}
            onClick={() =>
              void download(
                `/admin/usage?${new URLSearchParams({ ...query, format: "csv" })}`,
                `usage-${since}-${until}.csv`,
              )
            }
          >
            {t("csv")}
          </Button>
        }
      />
      <div className="grid gap-6">
        <div className="grid gap-3 sm:grid-cols-3">
          <TextField
            label={t("from")}
            type="date"
            value={since}
            max={until}
            onChange={(event) => setSince(event.target.value)}
          />
          <TextField
            label={t("until")}
            type="date"
            value={until}
            min={since}
            onChange={(event) => setUntil(event.target.value)}
          />
          <SelectField
            label={t("by")}
            value={by}
            onChange={(event) => setBy(event.target.value as Group)}
          >
            {GROUPS.map((group) => (
              <option key={group} value={group}>
                {t(`groups.${group}`)}
              </option>
            ))}
          </SelectField>
        </div>
        {usage.isPending && <Loading />}
        {usage.error && <Failure error={usage.error} onRetry={() => void usage.refetch()} />}
        {usage.data && <Sums rows={rows} by={by} currency={usage.data.currency} />}
        {since <= until && rows.length > 0 && <ByDay period={query} />}
      </div>
    </>
  );
}

/** Tokens and cost on each day of the period. */
function ByDay({ period }: { period: { since: string; until: string } }) {
  const t = useTranslations("admin.charts");
  const format = useFormatter();
  const query = { since: period.since, until: period.until, by: "day" };
  const { data } = useQuery({
    queryKey: ["admin", "usage", query],
    queryFn: async () => (await take(api.GET("/admin/usage", { params: { query } }))) as UsageList,
  });
  const rows = ((data?.data ?? []) as Row[]).map((row) => ({
    ...row,
    tokens: row.prompt_tokens + row.completion_tokens,
    date: format.dateTime(new Date(row.day ?? ""), {
      day: "numeric",
      month: "short",
      timeZone: "UTC",
    }),
  }));
  return (
    <div className="grid gap-4 md:grid-cols-2">
      {(["tokens", "cost"] as const).map((series) => (
        <Card key={series}>
          <h2 className="mb-2 text-base">{t(series)}</h2>
          <Suspense fallback={<Loading />}>
            <DayChart rows={rows} series={series} name={t(series)} />
          </Suspense>
        </Card>
      ))}
    </div>
  );
}

function Sums({ rows, by, currency }: { rows: Row[]; by: Group; currency: string }) {
  const t = useTranslations("admin");
  const format = useFormatter();
  if (!rows.length) return <Empty title={t("nothingUsed")} />;
  const money = (cost: number) => format.number(cost, { style: "currency", currency });
  const sum = (of: (row: Row) => number) => rows.reduce((all, row) => all + of(row), 0);
  const figure = (title: string, of: (row: Row) => number): Column<Row> => ({
    title,
    figure: true,
    cell: (row) => format.number(of(row)),
  });
  return (
    <>
      <div className="grid grid-cols-3 gap-3">
        <Tile name={t("calls")} value={format.number(sum((row) => row.calls))} />
        <Tile
          name={t("charts.tokens")}
          value={format.number(sum((row) => row.prompt_tokens + row.completion_tokens))}
        />
        <Tile name={t("cost")} value={money(sum((row) => row.cost))} />
      </div>
      <Table
        caption={t("nav.usage")}
        rows={rows}
        rowKey={(row) => nameOf(row, by)}
        columns={[
          { title: t(`groups.${by}`), cell: (row) => nameOf(row, by) },
          figure(t("calls"), (row) => row.calls),
          figure(t("answered"), (row) => row.answered),
          figure(t("promptTokens"), (row) => row.prompt_tokens),
          figure(t("completionTokens"), (row) => row.completion_tokens),
          { title: t("cost"), figure: true, cell: (row) => money(row.cost) },
        ]}
      />
    </>
  );
}

function nameOf(row: Row, by: Group): string {
  const names: Record<Group, string | null | undefined> = {
    day: row.day,
    user: row.user_email ?? row.user_id,
    project: row.project_id,
    tenant: row.tenant,
    instance: row.instance,
    model: `${row.instance} · ${row.model}`,
  };
  return names[by] ?? "–";
}

function dayAfter(day: string): string {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString();
}
