"""Creates spans with OpenTelemetry's API; the process chooses the SDK and the exporter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from keyturn.telemetry.tracing import REQUEST_ID, TRACEPARENT, Attributes, Tracing

_W3C = "traceparent"


class OpenTelemetry(Tracing):
    """Creates OpenTelemetry spans for work. `provider` defaults to the process's own."""

    keeps_spans = True

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = trace.get_tracer("keyturn", tracer_provider=provider)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                # Its type alone: the message of an error may hold an address.
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
                raise

    @contextmanager
    def resume_span(self, traceparent: str, name: str, attributes: Attributes | None = None) -> Iterator[None]:
        context = self._propagator.extract({_W3C: traceparent}, Context())
        with self.span(name, attributes, context=context, kind=SpanKind.CONSUMER):
            yield

    def mark(self, key: str, text: str) -> None:
        trace.get_current_span().set_attribute(key, text)

    @property
    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_W3C, "")

    def request_spans(self, *, joining: bool) -> list[Callable[..., Any]]:
        """Return an empty list if opentelemetry-instrumentation-asgi is not installed."""
        try:
            from keyturn.telemetry.tracing.request_spans import RequestSpans
        except ModuleNotFoundError:
            return []

        # A function, because Litestar copies a partial deeply, and with it the provider's locks.
        def add_request_spans(app: Any) -> RequestSpans:
            return RequestSpans(app, provider=self._provider, joining=joining)

        return [add_request_spans]

    def request_notes(self) -> list[Callable[..., Any]]:
        def add_request_notes(app: Any) -> RequestNotes:
            return RequestNotes(app, tracing=self)

        return [add_request_notes]


class RequestNotes:
    """Stores the open span for later work, and marks the span with the request's id."""

    def __init__(self, app: Any, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        state = scope["state"]
        state[TRACEPARENT] = self._tracing.traceparent

        async def send_with_mark(message: Any) -> None:
            if message["type"] == "http.response.start" and REQUEST_ID in state:
                self._tracing.mark("keyturn.request_id", state[REQUEST_ID])  # while the span is open
            await send(message)

        await self._app(scope, receive, send_with_mark)
