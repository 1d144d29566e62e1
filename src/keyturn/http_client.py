"""The HTTP client for all services that Keyturn calls.

Importing httpx2 takes 0.1 s, so the first client imports it.
"""

import asyncio
import logging
import math
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

import keyturn
from keyturn.context_values import within
from keyturn.errors import Fault, KeyturnError, SettingsInvalid
from keyturn.hosts import host_of

if TYPE_CHECKING:
    import httpx2

Document = TypeVar("Document")


class CallFailed(KeyturnError):
    """A call without an answer. The text is short, and holds no address and no key."""


class NotSent(CallFailed):
    """The service does not have the request.

    `malformed`: HTTP does not allow such a request, for example one with a line break in a key.
    """

    def __init__(self, reason: str, *, malformed: bool = False) -> None:
        super().__init__(reason)
        self.malformed = malformed


class AnswerLost(CallFailed):
    """The service may have the request, and has perhaps acted on it: its answer is lost."""


_OURS: ContextVar[bool] = ContextVar("keyturn_outgoing", default=False)
"""Whether the request that is being sent is Keyturn's own."""


def read_json(body: bytes | msgspec.Raw, form: type[Document]) -> Document | None:
    """Return the JSON document; None if it has another form."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, ValueError):
        return None


class Answer(msgspec.Struct, frozen=True):
    """A service's answer.

    `headers` are case-insensitive; `body` is empty if it was too long, or did not arrive.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, form: type[Document]) -> Document | None:
        """Return the JSON document in the body; None if it has another form."""
        return read_json(self.body, form)


class HttpClient:
    """Calls a service over connections that stay open.

    It follows no redirects, since one could lead into our own network or take a key elsewhere
    (OWASP SSRF Prevention Cheat Sheet). It keeps no cookies. Its requests are not logged, because
    httpx2 logs whole URLs, which may hold an email address or a key (OWASP ASVS 16.2.5). Other
    clients in this process keep their log lines.

    `seconds`: for a whole call. Half of them are for the connection, so that the error tells which
    was too slow.
    `longest`: bytes of an answer that are read. They are not decompressed, since a few bytes can
    expand to gigabytes (OWASP ASVS 5.2.3).
    `most_at_once`: connections at a time.
    `headers`, `options`: for httpx2's client.
    Raises SettingsInvalid for a variable of the environment that the client cannot use.
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

        faults = [*authority_file_faults(os.environ), *authority_folder_faults(os.environ)]
        if options.get("trust_env", True):
            faults += proxy_faults(os.environ)
        if faults:
            raise SettingsInvalid(faults)
        # Adding the same filter twice has no effect.
        logging.getLogger("httpx2").addFilter(_is_not_ours)
        self._seconds = seconds
        self._longest = longest
        all_headers = {
            "accept-encoding": "identity",
            "user-agent": f"keyturn/{keyturn.__version__}",
            **(headers or {}),
        }
        self._open = partial(
            httpx2.AsyncClient,
            timeout=httpx2.Timeout(None, connect=seconds / 2, pool=seconds / 2),
            limits=httpx2.Limits(max_connections=most_at_once),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers=all_headers,
            verify=_tls(),
            **options,
        )
        self._http: httpx2.AsyncClient | None = None
        self._unreached = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
        self._malformed = (
            httpx2.InvalidURL,
            httpx2.LocalProtocolError,
            httpx2.UnsupportedProtocol,
            UnicodeError,
        )
        self._lost = httpx2.HTTPError

    async def ask(self, method: str, url: str, **content: Any) -> Answer:
        """Return the answer, whatever its status. Raises NotSent and AnswerLost."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._send(method, url, **content)
        except self._malformed as error:
            raise NotSent(type(error).__name__, malformed=True) from None
        except self._unreached as error:
            raise NotSent(type(error).__name__) from None
        except TimeoutError:
            raise AnswerLost(f"no answer within {self._seconds:g} s") from None
        except self._lost as error:
            raise AnswerLost(type(error).__name__) from None
        try:
            async with asyncio.timeout_at(deadline):
                body = await _read(answer, self._longest)
        except (TimeoutError, self._lost):
            body = b""
        finally:
            await answer.aclose()
        return Answer(answer.status_code, answer.headers, body)

    async def _send(self, method: str, url: str, **content: Any) -> "httpx2.Response":
        """Return the answer as soon as its headers are there; its body is still to be read."""
        if self._http is None:
            self._http = self._open()
        http = self._http
        with within(_OURS, True):  # noqa: FBT003
            request = http.build_request(method, url, **content)
            return await http.send(request, stream=True)

    async def close(self) -> None:
        """Close the connections. Later calls open new ones, also in another event loop."""
        http = self._http
        self._http = None
        if http:
            await http.aclose()


def _is_not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context that all clients share.

    Reading the authorities takes some 50 ms, so only the first client does it.
    """
    import httpx2

    return httpx2.create_ssl_context()


_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""The file names under which OpenSSL finds certificates in a folder."""


def proxy_faults(environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the environment's proxies that httpx2 cannot use.

    Their values are left out: they may hold a password.
    """
    exceptions = environ.get("no_proxy") or environ.get("NO_PROXY", "")
    if "*" in map(str.strip, exceptions.split(",")):
        return
    for lower in ("http_proxy", "https_proxy", "all_proxy"):
        # A name in small letters wins, as in `urllib.request.getproxies`.
        name = lower if lower in environ else lower.upper()
        url = environ.get(name, "")
        if url:
            yield from _proxy_faults(name, url)


def _proxy_faults(name: str, url: str) -> Iterator[Fault]:
    import httpx2

    address = url if "://" in url else f"http://{url}"
    scheme = address.partition("://")[0].lower()
    if scheme not in _PROXY_SCHEMES:
        yield Fault(name, "must begin with http://, https:// or socks5://")
        return
    if scheme.startswith("socks") and not find_spec("socksio"):
        yield Fault(name, "needs a package for SOCKS: run `pip install socksio`")
        return
    try:
        httpx2.Proxy(address)
        host = host_of(address)
    except (httpx2.InvalidURL, ValueError):
        host = ""
    if not host:
        message = (
            "must be an address like http://proxy.example.org:3128; write a # in its password "
            "as %23, a / as %2F"
        )
        yield Fault(name, message)


def authority_file_faults(environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with SSL_CERT_FILE, which replaces OpenSSL's own authorities."""
    file = environ.get("SSL_CERT_FILE", "")
    if not file:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        yield Fault("SSL_CERT_FILE", f"contains no certificate in PEM: {file}")
    except FileNotFoundError:
        yield Fault("SSL_CERT_FILE", f"no such file: {file}")
    except OSError as error:
        yield Fault("SSL_CERT_FILE", f"cannot be read: {file}: {error.strerror}")


def authority_folder_faults(environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with SSL_CERT_DIR, which httpx2 reads in place of the system's
    authorities.
    """
    folder = environ.get("SSL_CERT_DIR", "")
    if not folder or environ.get("SSL_CERT_FILE"):
        return
    if not any(map(_has_certificates, folder.split(os.pathsep))):
        message = (
            f"must be a folder of certificates, which `openssl rehash` has prepared, not {folder}"
        )
        yield Fault("SSL_CERT_DIR", message)


def _has_certificates(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(entry.name) for entry in Path(folder).iterdir())
    except OSError:
        return False


async def _read(answer: "httpx2.Response", longest: int) -> bytes:
    """Return a body as it came over the wire, without decompressing it.

    Reading stops after `longest` bytes; the result is then empty.
    """
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > longest:
            return b""
    return bytes(body)


def retry_after(headers: Mapping[str, str], moment: datetime) -> float | None:
    """Return the seconds that an answer asks to wait: a number, or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value, moment)
    return seconds if math.isfinite(seconds) else None


def _seconds_until(date: str, moment: datetime) -> float | None:
    try:
        until = parsedate_to_datetime(date)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return (until - moment).total_seconds()
    except (ValueError, OverflowError):
        return None
