"""The HTTP client for all services that Keyturn calls. httpx2, which takes 0.1 s, is loaded with the first."""

import asyncio
import logging
import math
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

import keyturn
from keyturn.context_values import within
from keyturn.errors import KeyturnError

if TYPE_CHECKING:
    import httpx2

Document = TypeVar("Document")


class CallFailed(KeyturnError):
    """A call without an answer. The text is short, and holds no address and no key."""


class NotSent(CallFailed):
    """The service does not have the request; `malformed`: HTTP allows no such one, as with a line break in a key."""

    def __init__(self, reason: str, *, malformed: bool = False) -> None:
        super().__init__(reason)
        self.malformed = malformed


class Unknown(CallFailed):
    """The service may have the request: its answer is lost."""


_OURS: ContextVar[bool] = ContextVar("keyturn_outgoing", default=False)


class Answer(msgspec.Struct, frozen=True):
    """An answer. `headers` are case-insensitive; `body` is empty if it was too long, or did not arrive."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, form: type[Document]) -> Document | None:
        """Return the document; None if the body has another form."""
        try:
            return msgspec.json.decode(self.body, type=form)
        except (msgspec.MsgspecError, ValueError):
            return None


class HttpClient:
    """Calls a service over connections that stay open.

    It follows no redirects, since one could lead into our own network or take a key elsewhere (OWASP SSRF Prevention
    Cheat Sheet). It keeps no cookies. Its requests are not logged, because httpx2 logs whole URLs, which may hold an
    email address or a key (OWASP ASVS 16.2.5). Other clients in this process keep their log lines.

    `seconds`: for a whole call. Half of them are for the connection, so that the error tells which was too slow.
    `longest`: bytes of an answer that are read. They are not decompressed, since a few bytes can expand to gigabytes
    (OWASP ASVS 5.2.3).
    `most_at_once`: connections at a time.
    `headers`, `options`: for httpx2's client.
    """

    def __init__(
        self,
        seconds: float,
        longest: int = 65_536,
        *,
        most_at_once: int = 100,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx2

        logging.getLogger("httpx2").addFilter(_is_not_ours)  # adding the same filter twice has no effect
        self._seconds, self._longest = seconds, longest
        ours = {"accept-encoding": "identity", "user-agent": f"keyturn/{keyturn.__version__}"}
        self._open = partial(
            httpx2.AsyncClient,
            timeout=httpx2.Timeout(None, connect=seconds / 2, pool=seconds / 2),
            limits=httpx2.Limits(max_connections=most_at_once),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={**ours, **(headers or {})},
            verify=_tls(),
            **options,
        )
        self._http: httpx2.AsyncClient | None = None
        self._unreached = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
        self._malformed = (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, UnicodeError)
        self._lost = httpx2.HTTPError

    async def ask(self, method: str, url: str, **content: Any) -> Answer:
        """Return the answer, whatever its status. Raises NotSent and Unknown."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._send(method, url, **content)
        except (*self._malformed, *self._unreached) as error:
            raise NotSent(type(error).__name__, malformed=isinstance(error, self._malformed)) from None
        except TimeoutError:
            raise Unknown(f"no answer within {self._seconds:g} s") from None
        except self._lost as error:
            raise Unknown(type(error).__name__) from None
        try:
            async with asyncio.timeout_at(deadline):
                body = await _read(answer, self._longest)
        except (TimeoutError, self._lost):
            body = b""
        finally:
            await answer.aclose()
        return Answer(answer.status_code, answer.headers, body)

    async def _send(self, method: str, url: str, **content: Any) -> "httpx2.Response":
        """Return the answer once it begins."""
        http = self._http = self._http or self._open()
        with within(_OURS, True):  # noqa: FBT003
            return await http.send(http.build_request(method, url, **content), stream=True)

    async def close(self) -> None:
        """Close the connections. Later calls open new ones, also in another event loop."""
        http, self._http = self._http, None
        if http:
            await http.aclose()


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context of all clients. Reading the authorities takes some 50 ms: the first client does so."""
    import httpx2

    return httpx2.create_ssl_context()


async def _read(answer: "httpx2.Response", longest: int) -> bytes:
    """Return a body as it came over the wire; b"", after `longest` bytes, if it is longer."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > longest:
            return b""
    return bytes(body)


def retry_after(headers: Mapping[str, str], moment: datetime) -> float | None:
    """Return the seconds to wait that an answer asks for: a number, or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
            seconds = ((until if until.tzinfo else until.replace(tzinfo=UTC)) - moment).total_seconds()
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) else None
