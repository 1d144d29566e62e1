"""httpx's client for the services that Keyturn calls, in Keyturn's own process or in another app's."""

import logging
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

_OURS: ContextVar[bool] = ContextVar("keyturn_outgoing", default=False)


class HttpClient(httpx.AsyncClient):
    """Calls a service over HTTP. It keeps no cookies, and its requests are not logged, because httpx logs whole URLs.

    URLs may hold an email address or a key (OWASP ASVS 16.2.5). Other clients in this process keep their log lines.
    """

    def __init__(self, **options: Any) -> None:
        logging.getLogger("httpx").addFilter(_is_not_ours)  # adding the same filter twice has no effect
        super().__init__(cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())), **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        before = _OURS.set(True)
        try:
            return await super().send(request, **options)
        finally:
            _OURS.reset(before)


class ReopenedClient:
    """A client that is closed with its part of the service, and opened anew if that part is used again."""

    def __init__(self, open_client: Callable[[], httpx.AsyncClient] = HttpClient) -> None:
        self._open = open_client
        self._http: httpx.AsyncClient | None = open_client()  # now: its TLS takes some 0.2 s, which would hold the loop

    @property
    def http(self) -> httpx.AsyncClient:
        self._http = self._http or self._open()
        return self._http

    async def close(self) -> None:
        http, self._http = self._http, None
        if http:
            await http.aclose()


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()


async def read_bounded(answer: httpx.Response, most: int) -> bytes | None:
    """Return a streamed answer's body as it came over the wire; None, after `most` bytes, if it is longer.

    Not decompressed, since a few bytes can expand to gigabytes (OWASP ASVS 5.2.3): the request must ask for "identity".
    """
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


def retry_after(headers: Mapping[str, str], moment: datetime) -> float | None:
    """Return the seconds to wait that an answer asks for: a number, or a date (RFC 9110, 10.2.3)."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            until = parsedate_to_datetime(said)
            seconds = ((until if until.tzinfo else until.replace(tzinfo=UTC)) - moment).total_seconds()
        except ValueError:
            return None
    return seconds if math.isfinite(seconds) else None
