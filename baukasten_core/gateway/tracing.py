"""Traces of calls to language models, by OpenTelemetry's conventions for generative AI.

Who asked what model and what came of it, never the text. Without a tracer provider (`telemetry`
in the settings) spans are not recorded and cost nothing to speak of.
"""

from __future__ import annotations

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.contracts.llm import Finished
from baukasten_core.gateway.meter import UsageRecord
from baukasten_core.gateway.routing import Route

TRACER = trace.get_tracer("baukasten.gateway")


def traceparent() -> str:
    """The current trace, as it goes to another process; empty where there is none."""
    if not trace.get_current_span().get_span_context().is_valid:
        return ""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "")


def begin_span(call: GatewayCall, route: Route) -> Span:
    """The span of one attempt, within the trace that the call belongs to."""
    parent = propagate.extract({"traceparent": call.traceparent}) if call.traceparent else None
    span = TRACER.start_span(f"chat {route.model}", parent, SpanKind.CLIENT)
    if span.is_recording():
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": route.instance.provider,
                "gen_ai.request.model": route.model,
                "gen_ai.request.max_tokens": call.request.max_tokens,
                "gen_ai.request.temperature": call.request.temperature,
                "baukasten.instance": route.instance.name,
                "baukasten.region": route.region,
                "baukasten.route": call.route,
            }
        )
    return span


def end_span(span: Span, record: UsageRecord, finished: Finished | None) -> None:
    """What came of it."""
    if span.is_recording():
        span.set_attributes(
            {
                "gen_ai.usage.input_tokens": record.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": record.usage.completion_tokens,
                "baukasten.outcome": record.outcome,
            }
        )
        if finished is not None:
            span.set_attribute("gen_ai.response.model", finished.model)
            span.set_attribute("gen_ai.response.finish_reasons", [finished.reason])
        if record.first_ms is not None:
            span.set_attribute("baukasten.first_piece_ms", record.first_ms)
        if record.error is not None:
            span.set_attribute("error.type", record.error)
            span.set_status(Status(StatusCode.ERROR))
    span.end()
