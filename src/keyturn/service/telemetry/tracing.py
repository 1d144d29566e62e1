"""A span around each request, if the process has a tracer provider of OpenTelemetry.

`opentelemetry-instrument` installs one, for example.
"""

import sys
from typing import Any

_SHOWN = ("type", "asgi", "http_version", "method", "scheme", "server")
_OF_TRACES = {b"traceparent", b"tracestate", b"baggage"}


def request_spans(*, joining: bool) -> list[Any]:
    """Return Litestar middleware around that of OpenTelemetry; [] in a process without a provider.

    OpenTelemetry gets the route in place of the path, no query, few headers and no client, so no
    token reaches a span (OWASP ASVS 14.2.1, 16.2.5).

    `joining`: continue the trace of a request's traceparent, as a trusted proxy sends it. A
    stranger could otherwise write into the traces of others (W3C Trace Context).
    """
    library = sys.modules.get("opentelemetry.trace")
    if library is None or isinstance(library.get_tracer_provider(), library.ProxyTracerProvider):
        return []
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    def name(shown: Any) -> tuple[str, dict[str, str]]:
        return f"{shown['method']} {shown['path']}", {"http.route": shown["path"]}

    def traced(app: Any) -> Any:
        async def with_whole_scope(shown: Any, receive: Any, send: Any) -> None:
            await app(shown["keyturn"], receive, send)

        spans = OpenTelemetryMiddleware(
            with_whole_scope, default_span_details=name, exclude_spans=["receive", "send"]
        )

        async def with_shown_scope(scope: Any, receive: Any, send: Any) -> None:
            shown = {key: scope[key] for key in _SHOWN if key in scope}
            shown["path"] = scope.get("path_template") or "/"
            shown["headers"] = []
            if joining:
                shown["headers"] = [pair for pair in scope["headers"] if pair[0] in _OF_TRACES]
            shown["keyturn"] = scope
            await spans(shown, receive, send)

        return with_shown_scope

    return [traced]
