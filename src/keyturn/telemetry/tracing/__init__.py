"""What happens as spans, where the process has OpenTelemetry; elsewhere nothing is imported and nothing is kept."""

# ruff: noqa: ARG002 - a port without a body uses none of its arguments

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Attributes = Mapping[str, str | int]

REQUEST_ID, TRACEPARENT = "keyturn_request_id", "keyturn_traceparent"
"""Where an ASGI scope's state holds the request's own name, and its span."""


class Tracing:
    """The port through which work is put into spans. This class keeps none.

    An attribute never holds a token, an address or what an error said: traces go to other companies
    (OWASP ASVS 16.2.5).
    """

    keeps_spans = False

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[object]:
        """Return a span around a `with` block, below the one that is open."""
        return nullcontext()

    def resume_span(
        self, traceparent: str, name: str, attributes: Attributes | None = None
    ) -> AbstractContextManager[object]:
        """Return a span in a trace that began elsewhere, or in one of its own where `traceparent` is empty."""
        return nullcontext()

    def mark(self, key: str, text: str) -> None:
        """Put an attribute on the span that is open."""

    @property
    def traceparent(self) -> str:
        """The open span in the form of W3C Trace Context, to be resumed from; "" where there is none."""
        return ""

    def request_spans(self, *, joining: bool) -> list[Callable[..., Any]]:
        """Return ASGI middleware that opens a span around each request: see `request_spans.py`."""
        return []

    def request_notes(self) -> list[Callable[..., Any]]:
        """Return ASGI middleware between the span that is open and the work: see `spans.py`."""
        return []


def tracing_of_process() -> Tracing:
    """Return spans where somebody has set a tracer provider: the app, `opentelemetry-instrument`, or `export`."""
    library = sys.modules.get("opentelemetry.trace")
    if library is None or isinstance(library.get_tracer_provider(), library.ProxyTracerProvider):
        return Tracing()
    from keyturn.telemetry.tracing.spans import OpenTelemetry

    return OpenTelemetry()
