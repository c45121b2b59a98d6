"""What calls to language models used, as Ray's metrics, which Prometheus reads."""

from __future__ import annotations

from collections.abc import Sequence

from ray.util.metrics import Counter, Histogram

from baukasten_core.gateway.meter import UsageRecord

WHO = ("instance", "provider", "model", "region")
SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600]


class UsageMetrics:
    """Counts records. One in a process: Ray knows metrics by their names."""

    def __init__(self) -> None:
        self._calls = Counter("baukasten_llm_calls", "Calls by outcome.", (*WHO, "outcome"))
        self._tokens = Counter("baukasten_llm_tokens", "Tokens by direction.", (*WHO, "direction"))
        self._cost = Counter("baukasten_llm_cost", "Cost in millionths of the currency.", WHO)
        self._seconds = Histogram(
            "baukasten_llm_seconds", "Time of whole answers.", boundaries=SECONDS, tag_keys=WHO
        )
        self._first = Histogram(
            "baukasten_llm_first_seconds", "Time to the first piece.", SECONDS, WHO
        )

    def __call__(self, records: Sequence[UsageRecord]) -> None:
        for record in records:
            self._count(record)

    def _count(self, record: UsageRecord) -> None:
        # A model that did not answer may be one that a caller made up.
        model = record.model if record.first_ms is not None else ""
        values = (record.instance, record.provider, model, record.region)
        who = dict(zip(WHO, values, strict=True))
        self._calls.inc(1, {**who, "outcome": record.outcome})
        for direction, tokens in (
            ("input", record.usage.prompt_tokens),
            ("output", record.usage.completion_tokens),
        ):
            if tokens:
                self._tokens.inc(tokens, {**who, "direction": direction})
        if record.cost:
            self._cost.inc(record.cost, who)
        if record.outcome == "answered":
            self._seconds.observe(record.total_ms / 1000, who)
        if record.first_ms is not None:
            self._first.observe(record.first_ms / 1000, who)
