import { api, type components, Failure, Loading, Table, take } from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useFormatter, useTranslations } from "use-intl";
import { Section } from "./Section";

type UsageList = components["schemas"]["UsageList"];

interface Row {
  instance?: string;
  model?: string;
  calls: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
}

/** What I asked language models this month. */
export function MyUsage() {
  const t = useTranslations("profile");
  const format = useFormatter();
  const { data, error, isPending } = useQuery({
    queryKey: ["my-usage"],
    queryFn: async () =>
      (await take(
        api.GET("/v1/usage", { params: { query: { by: "instance,model" } } }),
      )) as UsageList,
  });
  const rows = (data?.data ?? []) as Row[];
  return (
    <Section title={t("usage")}>
      {isPending && <Loading />}
      {error && <Failure error={error} />}
      {data && (
        <Table
          caption={t("usage")}
          rows={rows}
          rowKey={(row) => `${row.instance}/${row.model}`}
          columns={[
            { title: "", cell: (row) => `${row.model} · ${row.instance}` },
            { title: t("calls"), figure: true, cell: (row) => format.number(row.calls) },
            {
              title: t("tokens"),
              figure: true,
              cell: (row) => format.number(row.prompt_tokens + row.completion_tokens),
            },
            {
              title: t("cost"),
              figure: true,
              cell: (row) =>
                format.number(row.cost, { style: "currency", currency: data.currency }),
            },
          ]}
        />
      )}
    </Section>
  );
}
