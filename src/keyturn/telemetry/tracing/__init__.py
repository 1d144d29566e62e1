"""Records work as spans if the process has OpenTelemetry; otherwise nothing is imported or recorded."""

# ruff: noqa: ARG002 - a port without a body uses none of its arguments

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Attributes = Mapping[str, str | int]

REQUEST_ID, TRACEPARENT = "keyturn_request_id", "keyturn_traceparent"
"""The keys in an ASGI scope's state for the request's id and its span."""


class Tracing:
    """The port for spans. This class records none.

    An attribute never holds a token, an address or an error message: traces go to other companies
    (OWASP ASVS 16.2.5).
    """

    keeps_spans = False

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[object]:
        """Return a span around a `with` block, below the open span."""
        return nullcontext()

    def resume_span(
        self, traceparent: str, name: str, attributes: Attributes | None = None
    ) -> AbstractContextManager[object]:
        """Return a span in a trace that began elsewhere, or in a new trace if `traceparent` is empty."""
        return nullcontext()

    def mark(self, key: str, text: str) -> None:
        """Put an attribute on the open span."""

    @property
    def traceparent(self) -> str:
        """The open span in the form of W3C Trace Context, to resume it later; "" without a span."""
        return ""

    def request_spans(self, *, joining: bool) -> list[Callable[..., Any]]:
        """Return ASGI middleware that opens a span around each request: see `request_spans.py`."""
        return []

    def request_notes(self) -> list[Callable[..., Any]]:
        """Return ASGI middleware between the open span and the work: see `spans.py`."""
        return []


def tracing_of_process() -> Tracing:
    """Return tracing if the app, `opentelemetry-instrument` or `export` has set a tracer provider."""
    library = sys.modules.get("opentelemetry.trace")
    if library is None or isinstance(library.get_tracer_provider(), library.ProxyTracerProvider):
        return Tracing()
    from keyturn.telemetry.tracing.spans import OpenTelemetry

    return OpenTelemetry()


# Exporting spans to a collector that the OTEL_ variables name; `opentelemetry-instrument` takes precedence


log = logging.getLogger("keyturn.tracing")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""https://opentelemetry.io/docs/specs/otel/protocol/exporter/: the SDK reads these variables and the others."""


def start_export() -> None:
    """Set this process's tracer provider, if an endpoint is set and no provider exists."""
    if not any(map(os.environ.get, _ENDPOINTS)):
        return
    try:
        from opentelemetry import trace  # optional, and takes 0.1 s
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning(
            "an OTEL_ endpoint is set, but no spans are sent, because a package is missing: pip install 'keyturn[otel]'"
        )
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "keyturn"}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)  # ends with the process, and then exports the remaining spans
