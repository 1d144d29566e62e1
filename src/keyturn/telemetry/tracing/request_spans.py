"""Puts a span around each request with OpenTelemetry's ASGI middleware, without showing it secrets."""

from typing import Any

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.trace import TracerProvider

_TRACE_HEADERS = {b"traceparent", b"tracestate", b"baggage"}
_SHOWN_KEYS = {"type", "asgi", "http_version", "method", "scheme", "server"}


class RequestSpans:
    """Shows the middleware the route instead of the path, no query and few headers; the app gets the whole request.

    A path may hold a token, a cookie a session, and client addresses belong in the audit trail alone
    (OWASP ASVS 14.2.1, 16.2.5). A client's traceparent is followed only if `joining`. Otherwise strangers could write
    into foreign traces and control sampling (W3C Trace Context, "Security considerations").
    """

    def __init__(self, app: Any, *, provider: TracerProvider | None, joining: bool) -> None:
        self._app = app
        self._headers = _TRACE_HEADERS if joining else set[bytes]()
        self._traced = OpenTelemetryMiddleware(
            self._call_app,
            default_span_details=_name,
            exclude_spans=["receive", "send"],
            tracer_provider=provider,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shown = {key: scope[key] for key in _SHOWN_KEYS if key in scope}
        shown["path"] = scope.get("path_template") or "/"
        shown["headers"] = [pair for pair in scope["headers"] if pair[0] in self._headers]
        shown["keyturn"] = scope
        await self._traced(shown, receive, send)

    async def _call_app(self, shown: Any, receive: Any, send: Any) -> None:
        await self._app(shown["keyturn"], receive, send)


def _name(shown: Any) -> tuple[str, dict[str, str]]:
    route = shown["path"]
    return f"{shown['method']} {route}", {"http.route": route}
