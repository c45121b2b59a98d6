import { api, Button, type components, Dialog, Help, RegionBadge, take } from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslations } from "use-intl";
import type { Ways } from "./useChat";

type Model = components["schemas"]["ModelOut"];

interface ChoiceProps {
  projectId: string;
  ways: Ways;
  onWays: (ways: Ways) => void;
}

const SEPARATOR = "\n";

/** Which model answers. Those that may not have this library's data can't be chosen, and it is said
 * why; one that leaves the house is asked about once. */
export function ModelChoice({ projectId, ways, onWays }: ChoiceProps) {
  const t = useTranslations("chat");
  const [leaving, setLeaving] = useState<Model>();
  const { data } = useQuery({
    queryKey: ["models", projectId],
    queryFn: () => take(api.GET("/llm/models", { params: { query: { project_id: projectId } } })),
    staleTime: 30_000,
  });
  const models = data?.models ?? [];
  const forbidden = data?.unavailable.filter(({ kind }) => kind === "residency") ?? [];
  const current = ways.provider ? key(ways.provider, ways.model ?? "") : "";
  const chosen = models.find((model) => key(model.provider, model.name) === current);
  const use = (model?: Model) => onWays({ ...ways, provider: model?.provider, model: model?.name });
  const choose = (value: string) => {
    const model = models.find((one) => key(one.provider, one.name) === value);
    if (model && model.region !== "local" && !isAgreed(projectId, model)) setLeaving(model);
    else use(model);
  };
  return (
    <div className="flex min-w-0 items-center gap-2">
      <select
        aria-label={t("model")}
        title={current ? undefined : t("automaticHint")}
        value={current}
        onChange={(event) => choose(event.target.value)}
        className="max-w-64 min-w-0 rounded-lg border border-line bg-surface px-2 py-1 text-sm"
      >
        <option value="">{t("automatic")}</option>
        {[...new Set(models.map(({ provider }) => provider))].map((provider) => (
          <optgroup key={provider} label={provider}>
            {models
              .filter((model) => model.provider === provider)
              .map((model) => (
                <option
                  key={model.name}
                  value={key(provider, model.name)}
                  disabled={!model.allowed}
                >
                  {model.name}
                  {model.region !== "local" && ` (${model.region.toUpperCase()})`}
                  {!model.allowed && ` – ${t("forbidden")}`}
                </option>
              ))}
          </optgroup>
        ))}
        {forbidden.map(({ provider }) => (
          <option key={provider} value={provider} disabled>
            {provider} – {t("forbidden")}
          </option>
        ))}
      </select>
      {chosen && <RegionBadge region={chosen.region} />}
      {(forbidden.length > 0 || models.some(({ allowed }) => !allowed)) && (
        <Help>{t("forbiddenHint")}</Help>
      )}
      <Dialog
        title={t("leaveTitle")}
        open={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
      >
        {leaving && (
          <div className="grid gap-4">
            <p>
              {t("leaveText", {
                provider: leaving.provider,
                region: leaving.region.toUpperCase(),
              })}
            </p>
            <Button
              look="primary"
              className="justify-self-end"
              onClick={() => {
                agree(projectId, leaving);
                use(leaving);
                setLeaving(undefined);
              }}
            >
              {t("leaveAction")}
            </Button>
          </div>
        )}
      </Dialog>
    </div>
  );
}

function key(provider: string, model: string): string {
  return provider + SEPARATOR + model;
}

function agreement(projectId: string, model: Model): string {
  return `baukasten.leaves.${projectId}.${model.provider}.${model.region}`;
}

function isAgreed(projectId: string, model: Model): boolean {
  return localStorage.getItem(agreement(projectId, model)) !== null;
}

function agree(projectId: string, model: Model): void {
  localStorage.setItem(agreement(projectId, model), "yes");
}
