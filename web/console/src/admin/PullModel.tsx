import {
  answerEvents,
  Button,
  Card,
  Failure,
  Problem,
  Progress,
  TextField,
  useToast,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";

interface Step {
  done: number;
  total: number;
}

/** Have a server fetch a model, with how far it is; stopped, it goes on from there later. */
export function PullModel() {
  const t = useTranslations("admin");
  const say = useToast();
  const queries = useQueryClient();
  const leave = useRef<AbortController>(undefined);
  const [step, setStep] = useState<Step & { began: number }>();
  const [error, setError] = useState<unknown>();
  const pull = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const model = String(new FormData(event.currentTarget).get("model"));
    leave.current = new AbortController();
    setError(undefined);
    setStep({ done: 0, total: 0, began: Date.now() });
    try {
      await follow(model, leave.current.signal, (now) =>
        setStep((before) => ({ ...now, began: before?.began ?? Date.now() })),
      );
      say(t("pulled", { model }));
      void queries.invalidateQueries({ queryKey: ["models"] });
    } catch (failure) {
      if (!leave.current.signal.aborted) setError(failure);
    } finally {
      setStep(undefined);
    }
  };
  return (
    <Card className="grid content-start gap-4">
      <h2>{t("pull")}</h2>
      <p className="text-muted">{t("pullText")}</p>
      <form className="grid gap-4" onSubmit={(event) => void pull(event)}>
        <TextField label={t("pullName")} hint={t("pullHint")} name="model" required />
        {error !== undefined && <Failure error={error} />}
        {step && <HowFar step={step} />}
        {step ? (
          <Button className="justify-self-start" onClick={() => leave.current?.abort()}>
            {t("stop")}
          </Button>
        ) : (
          <Button type="submit" className="justify-self-start">
            {t("pull")}
          </Button>
        )}
      </form>
    </Card>
  );
}

async function follow(model: string, signal: AbortSignal, told: (step: Step) => void) {
  const steps = answerEvents("/llm/models/pull", { model }, signal);
  for await (const { name, data } of steps) {
    if (name === "progress") told(data as Step);
    if (name === "end") return;
  }
  throw new Problem(0);
}

function HowFar({ step }: { step: Step & { began: number } }) {
  const t = useTranslations("admin");
  const format = useFormatter();
  const seconds = Math.max((Date.now() - step.began) / 1000, 0.1);
  const rate = step.done / seconds;
  const bytes = (count: number) =>
    format.number(count / 1e6, { style: "unit", unit: "megabyte", maximumFractionDigits: 0 });
  const left = format.number(rate ? (step.total - step.done) / rate : 0, {
    style: "unit",
    unit: "second",
    maximumFractionDigits: 0,
  });
  return (
    <div className="grid gap-1">
      <Progress value={step.total ? step.done / step.total : undefined} label={t("pull")} />
      <p className="text-sm text-muted">
        {t("pulling", {
          done: bytes(step.done),
          total: bytes(step.total),
          rate: bytes(rate),
          left,
        })}
      </p>
    </div>
  );
}
