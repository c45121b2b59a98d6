"""Traces are sent where the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

from baukasten_core.errors import SettingsError
from baukasten_core.settings import Settings


@contextmanager
def traces_sent(settings: Settings, service: str) -> Iterator[None]:
    """While this is open, spans of this process go to `telemetry.otlp_endpoint`, if there is one.

    Raises `SettingsError` when what sends them is not installed.
    """
    endpoint = settings.telemetry.otlp_endpoint
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise SettingsError(
            "setting `telemetry.otlp_endpoint`: run `pip install baukasten-core[tracing]` first"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
