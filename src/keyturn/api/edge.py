"""What is settled about a request before anything of ours reads it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from keyturn.settings.networks import both_forms

_LONGEST_COOKIE = 4096
"""Bytes of a name and its value: what a browser has to keep (RFC 6265, 6.1)."""

_MOST_COOKIES = 16
"""Keyturn sets seven; a browser may hold some of them for two paths."""


def edge(app: ASGIApp) -> ASGIApp:
    """Return `app` behind what bounds a request. It may stand twice in front of one: the second finds it done."""

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        # A copy: what the app around makes of its own cookies is that app's.
        if headers := scope.get("headers"):
            scope = cast("Scope", {**scope, "headers": _with_own_cookies(headers)})
        await app(scope, receive, send)

    return bounded


def behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app` with the client that `proxies` name, where it is one of them that passes a request on.

    X-Forwarded-For is read from the right, so that a client cannot choose its own address (OWASP ASVS 4.1.3).
    """
    return ProxyHeadersMiddleware(app, both_forms(proxies)) if proxies else app  # type: ignore[arg-type,return-value]


def _with_own_cookies(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with those cookies alone that Keyturn may have set.

    Before they are parsed: undoing the quotes of a value takes Python's library time that grows with the square of its
    length (CVE-2024-7592), and 400 kB would hold the process for minutes. Nothing that is set here has quotes.
    """
    headers = list(headers)
    cookies = [value for name, value in headers if name == b"cookie"]
    if not cookies:
        return headers
    rest = [(name, value) for name, value in headers if name != b"cookie"]
    own = list(_own(b";".join(cookies)))[:_MOST_COOKIES]
    return [*rest, (b"cookie", b"; ".join(own))] if own else rest


def _own(cookies: bytes) -> Iterator[bytes]:
    for cookie in map(bytes.strip, cookies.split(b";")):
        name = cookie.removeprefix(b"__Host-").removeprefix(b"__Secure-")
        if name.startswith(b"keyturn_") and len(cookie) <= _LONGEST_COOKIE and b'"' not in cookie:
            yield cookie
