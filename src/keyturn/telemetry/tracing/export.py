"""Exports spans to a collector named by the OTEL_ variables; `opentelemetry-instrument` takes precedence."""

import logging
import os
from collections.abc import Mapping

log = logging.getLogger("keyturn.tracing")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""https://opentelemetry.io/docs/specs/otel/protocol/exporter/: the SDK reads these variables and the others."""


def start_export(environ: Mapping[str, str] = os.environ) -> None:
    """Set this process's tracer provider, if an endpoint is set and no provider exists."""
    if not any(environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry import trace  # optional, and takes 0.1 s
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning("no spans are sent, though an OTEL_ endpoint is set: pip install 'keyturn[otel]'")
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "keyturn"}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)  # ends with the process, and then exports the remaining spans
