import { Card, type components, Table, useInstallation } from "@baukasten/kit";
import { useFormatter, useTranslations } from "use-intl";
import DayChart from "./DayChart";

type Day = components["schemas"]["DayOut"];

const SERIES = ["users", "documents", "calls", "tokens", "cost"] as const;

/** What came day by day, a chart for each kind; and the same as a table. */
export default function Charts({ days }: { days: Day[] }) {
  const t = useTranslations("admin");
  const format = useFormatter();
  const { data: installation } = useInstallation();
  const rows = days.map((day) => ({
    ...day,
    tokens: day.prompt_tokens + day.completion_tokens,
    date: format.dateTime(new Date(day.day), { day: "numeric", month: "short", timeZone: "UTC" }),
  }));
  const money = (cost: number) =>
    format.number(cost, { style: "currency", currency: installation?.currency ?? "EUR" });
  return (
    <>
      <div className="grid gap-4 md:grid-cols-2">
        {SERIES.map((series) => (
          <Card key={series}>
            <h3 className="mb-2 font-medium">{t(`charts.${series}`)}</h3>
            <DayChart rows={rows} series={series} name={t(`charts.${series}`)} />
          </Card>
        ))}
      </div>
      <details>
        <summary>{t("asTable")}</summary>
        <Table
          caption={t("timeline")}
          rows={[...rows].reverse()}
          rowKey={(row) => row.day}
          columns={[
            { title: t("day"), cell: (row) => row.date },
            ...SERIES.map((series) => ({
              title: t(`charts.${series}`),
              figure: true,
              cell: (row: (typeof rows)[number]) =>
                series === "cost" ? money(row.cost) : format.number(row[series]),
            })),
          ]}
        />
      </details>
    </>
  );
}
