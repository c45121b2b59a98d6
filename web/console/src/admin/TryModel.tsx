import {
  answerEvents,
  Button,
  Card,
  Failure,
  RegionBadge,
  SelectField,
  TextArea,
} from "@baukasten/kit";
import { type FormEvent, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { useModels } from "./Models";

interface Said {
  text: string;
  region?: string;
  tokens?: number;
  seconds?: number;
}

interface StreamEvents {
  start: { region: string };
  text: { text: string };
  end: { usage: { total_tokens: number } };
}

/** Send a prompt to a model, and see what comes. */
export function TryModel() {
  const t = useTranslations("admin");
  const { data } = useModels();
  const [said, setSaid] = useState<Said>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [provider, model] = String(form.get("model")).split("\n");
    setBusy(true);
    setError(undefined);
    setSaid(undefined);
    try {
      await ask({ provider, model, prompt: String(form.get("prompt")), stream: true }, setSaid);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card className="grid content-start gap-4">
      <h2>{t("test")}</h2>
      <p className="text-muted">{t("testText")}</p>
      <form className="grid gap-4" onSubmit={(event) => void send(event)}>
        <SelectField label={t("model")} name="model" required>
          {data?.models.map((model) => (
            <option
              key={`${model.provider}/${model.name}`}
              value={`${model.provider}\n${model.name}`}
              disabled={!model.allowed}
            >
              {model.provider} · {model.name}
            </option>
          ))}
        </SelectField>
        <TextArea label={t("prompt")} name="prompt" rows={2} required />
        <Button type="submit" busy={busy} className="justify-self-start">
          {t("send")}
        </Button>
      </form>
      {error !== undefined && <Failure error={error} />}
      {said && <Answered said={said} />}
    </Card>
  );
}

function Answered({ said }: { said: Said }) {
  const t = useTranslations("admin");
  const format = useFormatter();
  return (
    <div aria-live="polite" className="grid gap-2">
      <p className="rounded-lg bg-sunken p-3 break-words whitespace-pre-wrap">{said.text}</p>
      <p className="flex gap-3 text-sm text-muted">
        {said.region && <RegionBadge region={said.region} />}
        {said.tokens !== undefined && t("tokens", { count: format.number(said.tokens) })}{" "}
        {said.seconds !== undefined &&
          t("seconds", { seconds: format.number(said.seconds, { maximumFractionDigits: 1 }) })}
      </p>
    </div>
  );
}

async function ask(body: object, told: (said: Said) => void) {
  const began = Date.now();
  let said: Said = { text: "" };
  const stream = answerEvents("/llm/generate", body);
  for await (const { name, data } of stream) {
    if (name === "start") said = { ...said, region: (data as StreamEvents["start"]).region };
    if (name === "text") said = { ...said, text: said.text + (data as StreamEvents["text"]).text };
    if (name === "end") {
      const tokens = (data as StreamEvents["end"]).usage.total_tokens;
      said = { ...said, tokens, seconds: (Date.now() - began) / 1000 };
    }
    told(said);
  }
}
