"""Checks and bounds a request before other code of Keyturn reads it."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from keyturn.service.settings.networks import both_forms

_LONGEST_COOKIE = 4096
"""Bytes of a name and its value that browsers must support (RFC 6265, 6.1)."""

_MOST_COOKIES = 16
"""Keyturn sets eight; a browser may hold some of them for two paths."""

_LONGEST_HEADER = 4096
"""Bytes of any other header's value that are read: Litestar parses the parameters of a type one by one."""

_OWN = re.compile(rb";[ \t]*+((?:__Host-|__Secure-)?keyturn_[^;]*)")

_HTTPS = (b"strict-transport-security", b"max-age=31536000")
"""A year (OWASP ASVS 3.4.1), without includeSubDomains: the hosts below may belong to other services."""


def edge(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """Return `app` with bounded requests, and answers that demand https if `secure` (HSTS)."""

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        # A copy, so that the app around keeps its own cookies.
        scope = cast("Scope", {**scope, "headers": _bounded_headers(scope.get("headers", ()))})

        async def promising(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                # Browsers use only the first (RFC 6797, 8.1).
                if not any(name.lower() == _HTTPS[0] for name, _ in headers):
                    message["headers"] = [*headers, _HTTPS]
            await send(message)

        await app(scope, receive, promising if secure else send)

    return bounded


def behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app` with the client of X-Forwarded-For, read from the right, of trusted `proxies` (OWASP ASVS 4.1.3)."""
    middleware: Any = ProxyHeadersMiddleware  # its types are those of another library
    return cast("ASGIApp", middleware(app, both_forms(proxies))) if proxies else app


def _bounded_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return bounded headers; cookies of ours without quotes: unquoting takes quadratic time (CVE-2024-7592)."""
    headers = list(headers)
    cookies = b"".join(b";" + value for name, value in headers if name == b"cookie")
    ours = (match[1].strip() for match in _OWN.finditer(cookies))
    whole = (cookie for cookie in ours if len(cookie) <= _LONGEST_COOKIE and b'"' not in cookie)
    rest = [
        # Proxies append to X-Forwarded-For, and it is read from the end.
        (name, value[-_LONGEST_HEADER:] if name == b"x-forwarded-for" else value[:_LONGEST_HEADER])
        for name, value in headers
        if name != b"cookie"
    ]
    own = b"; ".join(itertools.islice(whole, _MOST_COOKIES))
    return [*rest, (b"cookie", own)] if own else rest
