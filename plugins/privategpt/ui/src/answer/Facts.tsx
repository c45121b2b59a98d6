import { Badge, RegionBadge } from "@baukasten/kit";
import { useFormatter, useTranslations } from "use-intl";
import type { Facts } from "./types";

/** Who answered, where, how long it took, and what is to be known about it. */
export function AnswerFacts({ facts }: { facts: Facts }) {
  const t = useTranslations("answer");
  const format = useFormatter();
  const seconds = (value: number) => format.number(value, { maximumFractionDigits: 1 });
  const { usage } = facts;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
      {facts.region && <RegionBadge region={facts.region} />}
      {facts.model && facts.method === "llm" && (
        <span>
          {facts.model} · {facts.provider}
        </span>
      )}
      {usage && (usage.total_tokens ?? 0) > 0 && facts.method === "llm" && (
        <span>
          {t("tokens", {
            prompt: format.number(usage.prompt_tokens ?? 0),
            completion: format.number(usage.completion_tokens ?? 0),
          })}
          {usage.estimated && ` (${t("estimated")})`}
        </span>
      )}
      {typeof facts.seconds === "number" && (
        <span>{t("seconds", { seconds: seconds(facts.seconds) })}</span>
      )}
      {typeof facts.first_seconds === "number" && facts.method === "llm" && (
        <span>{t("first", { seconds: seconds(facts.first_seconds) })}</span>
      )}
      {facts.finish_reason === "stopped" && <Badge look="warn">{t("stopped")}</Badge>}
      {facts.finish_reason === "length" && <Badge look="warn">{t("cut")}</Badge>}
      {facts.method === "extractive" && <span>{t("extractive")}</span>}
      {facts.method === "none" && <span>{t("notFound")}</span>}
      {facts.method === "llm" && facts.found && facts.grounded === false && (
        <Badge look="warn">{t("ungrounded")}</Badge>
      )}
      {!!facts.unknown_citations?.length && (
        <span className="text-warn">
          {t("unknown", { numbers: facts.unknown_citations.join(", ") })}
        </span>
      )}
    </div>
  );
}
