"""What is settled about a request before anything of ours reads it."""

from collections.abc import Iterable, Iterator
from typing import cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST_COOKIE = 4096
"""Bytes of a name and its value: what a browser has to keep (RFC 6265, 6.1)."""

_MOST_COOKIES = 16
"""Keyturn sets seven; a browser may hold some of them for two paths."""


_HTTPS = (b"strict-transport-security", b"max-age=31536000")
"""A year (OWASP ASVS 3.4.1), without includeSubDomains: what runs on the hosts below is not ours to decide."""


def edge(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """Return `app` behind what bounds a request, and before what every answer says: where `secure`, https alone (HSTS).

    It may stand twice in front of one: the second finds it done.
    """

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        # A copy: what the app around makes of its own cookies is that app's.
        if headers := scope.get("headers"):
            scope = cast("Scope", {**scope, "headers": _with_own_cookies(headers)})

        async def promising(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                # Browsers heed the first one alone (RFC 6797, 8.1).
                if not any(name.lower() == _HTTPS[0] for name, _ in headers):
                    message["headers"] = [*headers, _HTTPS]
            await send(message)

        await app(scope, receive, promising if secure else send)

    return bounded


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
