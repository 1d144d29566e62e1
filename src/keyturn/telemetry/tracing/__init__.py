"""Records work as spans if the process has OpenTelemetry; otherwise nothing is imported or recorded."""

# ruff: noqa: ARG002 - a port without a body uses none of its arguments

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
