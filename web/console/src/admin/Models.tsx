import {
  api,
  Badge,
  Card,
  Failure,
  Loading,
  PageHead,
  RegionBadge,
  Table,
  take,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useFormatter, useTranslations } from "use-intl";
import { PullModel } from "./PullModel";
import { TryModel } from "./TryModel";

/** The models: which there are and where, fetching one, trying one, how calls are routed. */
export function Component() {
  const t = useTranslations("admin");
  return (
    <>
      <PageHead title={t("nav.models")} />
      <div className="grid gap-8">
        <Listing />
        <div className="grid gap-6 lg:grid-cols-2">
          <PullModel />
          <TryModel />
        </div>
        <Routes />
      </div>
    </>
  );
}

function Listing() {
  const t = useTranslations("admin");
  const format = useFormatter();
  const { data, error, refetch } = useModels();
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  const said = (loaded: boolean | null) =>
    loaded === null ? t("unknown") : loaded ? t("yes") : t("no");
  return (
    <section className="grid gap-3">
      <h2>{t("instances")}</h2>
      <p className="max-w-prose text-muted">{t("instancesText")}</p>
      <Table
        caption={t("instances")}
        rows={data.models}
        rowKey={(model) => `${model.provider}/${model.name}`}
        columns={[
          { title: t("model"), cell: (model) => model.name },
          { title: t("provider"), cell: (model) => model.provider },
          { title: t("region"), cell: (model) => <RegionBadge region={model.region} /> },
          {
            title: t("context"),
            figure: true,
            cell: (model) => (model.context ? format.number(model.context) : t("unknown")),
          },
          { title: t("memory"), cell: (model) => said(model.loaded) },
        ]}
      />
      {data.unavailable.length > 0 && (
        <Card>
          <h3 className="mb-2 font-medium">{t("unavailable")}</h3>
          <ul className="grid gap-2">
            {data.unavailable.map((one) => (
              <li key={one.provider} className="text-sm">
                <span className="font-medium">{one.provider}</span>{" "}
                <Badge look={one.kind === "down" ? "danger" : "neutral"}>{t(one.kind)}</Badge>
                <span className="block text-muted">{one.reason}</span>
              </li>
            ))}
          </ul>
        </Card>
      )}
    </section>
  );
}

/** Every model, asked live. */
export function useModels() {
  return useQuery({ queryKey: ["models"], queryFn: () => take(api.GET("/llm/models")) });
}

function Routes() {
  const t = useTranslations("admin");
  const { data } = useQuery({
    queryKey: ["admin", "llm"],
    queryFn: () => take(api.GET("/admin/llm")),
  });
  if (!data) return null;
  const routes = Object.entries(data.routes);
  return (
    <section className="grid gap-3">
      <h2>{t("routes")}</h2>
      <p className="max-w-prose text-muted">{t("routesText")}</p>
      <dl className="grid gap-2">
        <Way name={t("chain")} steps={data.chain} />
        {routes.map(([name, targets]) => (
          <Way
            key={name}
            name={name}
            steps={targets.map(
              ({ to, weight, when }) =>
                `${to}${weight ? ` ×${weight}` : ""}${Object.keys(when).length ? ` (${Object.keys(when).join(", ")})` : ""}`,
            )}
          />
        ))}
      </dl>
    </section>
  );
}

function Way({ name, steps }: { name: string; steps: string[] }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <dt className="font-medium">{name}</dt>
      <dd className="flex flex-wrap items-center gap-2">
        {steps.map((step, number) => (
          <span key={step} className="flex items-center gap-2">
            {number > 0 && <span aria-hidden>→</span>}
            <Badge>{step}</Badge>
          </span>
        ))}
      </dd>
    </div>
  );
}
