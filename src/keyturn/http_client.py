"""The HTTP client for all services that Keyturn calls, in Keyturn's own process or in another app's.

httpx, which takes 0.1 s, is loaded with the first client.
"""

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
from keyturn.errors import KeyturnError

if TYPE_CHECKING:
    import httpx

Document = TypeVar("Document")


class CallFailed(KeyturnError):
    """A call without an answer. The text is short, and holds no address and no key."""


class NotSent(CallFailed):
    """The service certainly does not have the request.

    `malformed`: HTTP allows no such request, for example because a key contains a line break.
    """

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
    Cheat Sheet). It keeps no cookies. Its requests are not logged, because httpx logs whole URLs, which may hold an
    email address or a key (OWASP ASVS 16.2.5). Other clients in this process keep their log lines.

    `seconds`: for a whole call. Half of them are for the connection, so that the error tells which was too slow.
    `longest`: bytes of an answer that are read. They are not decompressed, since a few bytes can expand to gigabytes
    (OWASP ASVS 5.2.3).
    `most_at_once`: calls at a time, each over a connection.
    `headers`, `options`: for httpx's client.
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

        import httpx

        logging.getLogger("httpx").addFilter(_is_not_ours)  # adding the same filter twice has no effect
        self._seconds = seconds
        self._longest = longest
        ours = {"accept-encoding": "identity", "user-agent": f"keyturn/{keyturn.__version__}"}
        self._open = partial(
            httpx.AsyncClient,
            timeout=httpx.Timeout(None, connect=seconds / 2),
            limits=httpx.Limits(),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={**ours, **(headers or {})},
            verify=_tls(),
            **options,
        )
        self._most_at_once = most_at_once
        self._places = asyncio.Semaphore(most_at_once)
        self._pool: _Pool | None = None
        self._unreached = (httpx.ConnectError, httpx.ConnectTimeout)
        self._malformed = (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol, UnicodeError)
        self._lost = httpx.HTTPError

    async def ask(self, method: str, url: str, **content: Any) -> Answer:
        """Return the answer, whatever its status. Raises NotSent and Unknown."""
        places = self._places
        try:
            async with asyncio.timeout(self._seconds / 2):
                await places.acquire()
        except TimeoutError:
            raise NotSent("no free connection") from None
        pool = self._pool = self._pool or _Pool(self._open())
        pool.calls += 1
        try:
            return await self._ask(pool, method, url, **content)
        except BaseException:
            self._leave(pool)
            raise
        finally:
            places.release()
            pool.calls -= 1
            if pool is not self._pool and not pool.calls:
                await pool.http.aclose()

    async def _ask(self, pool: "_Pool", method: str, url: str, **content: Any) -> Answer:
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(deadline):
                answer = await _send(pool.http, method, url, **content)
        except self._malformed as error:
            raise NotSent(type(error).__name__, malformed=True) from None
        except self._unreached as error:
            raise NotSent(type(error).__name__) from None
        except TimeoutError:
            raise Unknown(f"no answer within {self._seconds:g} s") from None
        except self._lost as error:
            raise Unknown(type(error).__name__) from None
        try:
            async with asyncio.timeout_at(deadline):
                body = await _read(answer, self._longest)
        except (TimeoutError, self._lost):
            self._leave(pool)
            body = b""
        finally:
            await answer.aclose()
        return Answer(answer.status_code, answer.headers, body)

    def _leave(self, pool: "_Pool") -> None:
        """Let later calls open other connections, and the pool's last call close it.

        A call that is cancelled may leave a connection in it that nothing frees (encode/httpcore#1093).
        """
        if pool is self._pool:
            self._pool = None

    async def close(self) -> None:
        """Close the connections. Later calls open new ones, also in another event loop."""
        pool, self._pool = self._pool, None
        self._places = asyncio.Semaphore(self._most_at_once)
        if pool:
            await pool.http.aclose()


class _Pool:
    """Connections, and the number of calls over them."""

    def __init__(self, http: "httpx.AsyncClient") -> None:
        self.http = http
        self.calls = 0


async def _send(http: "httpx.AsyncClient", method: str, url: str, **content: Any) -> "httpx.Response":
    """Return the answer once it begins."""
    before = _OURS.set(True)
    try:
        return await http.send(http.build_request(method, url, **content), stream=True)
    finally:
        _OURS.reset(before)


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()


_tls = cache(ssl.create_default_context)
"""Returns the TLS context of all clients. Reading the authorities takes some 50 ms: the first client does so.

They are this machine's, or those in SSL_CERT_FILE, where a company adds its own. httpx itself reads certifi's."""


async def _read(answer: "httpx.Response", longest: int) -> bytes:
    """Return a body as it came over the wire; b"", after `longest` bytes, if it is longer."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > longest:
            return b""
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
