"""Requests to the application under test, as browsers send them: bounded, and never to another origin."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from keyturn.hosts import is_loopback
from keyturn.http_client import CallFailed, HttpClient
from keyturn.probe.attack import NotTried

if TYPE_CHECKING:
    import httpx

_LONGEST = 2_000_000
"""Bytes of an answer. A longer one counts as empty."""

_MOST_REDIRECTS = 5
_SECRET = {"authorization", "cookie"}


class Page(Struct, frozen=True, kw_only=True):
    """An answer. `sent`: the request, after its first line. `before`: the answers whose redirects led here."""

    method: str
    url: str
    sent: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    seconds: float
    before: tuple["Page", ...] = ()

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def all(self) -> tuple["Page", ...]:
        """The answers from the first on, this one last."""
        return (*self.before, self)

    @property
    def text(self) -> str:
        """The headers and bodies of all answers."""
        return "\n".join(f"{page.headers}\n{page.body}" for page in self.all)

    @property
    def is_html(self) -> bool:
        return "html" in self.header("content-type")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that all answers set, with empty texts for those that they delete."""
        return dict(_cookie(value) for page in self.all for key, value in page.headers if key == "set-cookie")


def joined(base: str, url: str) -> str:
    """Return a URL of a page in full, or as it is if it cannot be read: it is of no origin then."""
    try:
        return urljoin(base, url)
    except ValueError:
        return url


def _cookie(header: str) -> tuple[str, str]:
    pair, _, attributes = header.lower().partition(";")
    is_deleted = "max-age=0" in attributes or "01 jan 1970" in attributes.replace("-", " ")
    name, _, value = header[: len(pair)].partition("=")
    return name.strip(), "" if is_deleted else value.strip().strip('"')


class Web:
    """The origin under test. `per_second`: requests in a second, or None for no limit."""

    def __init__(self, url: str, seconds: float, per_second: int | None = None) -> None:
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        self.is_paced = bool(per_second)
        self._client = HttpClient(seconds, _LONGEST, trust_env=False)  # a proxy of the environment is another host
        self._starts = deque[float](maxlen=per_second or 0)
        self._turn = asyncio.Lock()
        self.aclose = self._client.close

    def is_here(self, url: str) -> bool:
        """Tell whether a URL is of this origin. The names of this machine are one."""
        mine = urlsplit(self.origin)
        try:
            other = urlsplit(url)
            if (other.scheme, other.port) != (mine.scheme, mine.port):
                return False
        except ValueError:  # such as http://[x
            return False
        return other.hostname == mine.hostname or (is_loopback(url) and is_loopback(self.origin))

    def here(self, url: str) -> str:
        """Return a URL at this origin, with the path and the query of another: links may name a public host."""
        try:
            return self.origin + urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl()
        except ValueError:
            raise NotTried(f"{url} is no URL.") from None

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Page:
        """Return the answer, whatever its status. Raises NotTried if there is none."""
        await self._take_turn()
        began = time.perf_counter()
        try:
            answer = await self._client.ask(method, url, headers=headers, content=body)
        except CallFailed as error:
            raise NotTried(
                f"{self.origin} gave no answer to {method} {urlsplit(url).path or '/'} ({error}): is it running?"
            ) from None
        shown = "".join(f"{name}: {value}\n" for name, value in headers.items() if name not in _SECRET)
        return Page(
            method=method,
            url=url,
            sent=shown + body.decode("utf-8", "replace"),
            status=answer.status,
            headers=tuple(cast("httpx.Headers", answer.headers).multi_items()),
            body=answer.body.decode("utf-8", "replace"),
            seconds=time.perf_counter() - began,
        )

    async def _take_turn(self) -> None:
        if self._starts.maxlen:
            async with self._turn:
                if len(self._starts) == self._starts.maxlen:
                    await asyncio.sleep(self._starts[0] + 1 - time.monotonic())
                self._starts.append(time.monotonic())


class Browser:
    """A browser with cookies of its own. It follows redirects within the origin.

    `headers`: what an attack adds to requests that are no GET. `token`: a bearer token.
    """

    def __init__(self, web: Web, headers: Mapping[str, str] = {}) -> None:
        self.web, self.headers, self.cookies, self.token = web, headers, dict[str, str](), ""

    async def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Page:
        """Return the last answer. `path`: also a URL of the origin. Raises NotTried for one of another."""
        before: tuple[Page, ...] = ()
        url = joined(f"{self.web.origin}/", path)
        if not self.web.is_here(url):
            raise NotTried(f"{url} is another origin than {self.web.origin}, and the probe sends nothing there.")
        while True:
            page = await self.web.send(method, self.web.here(url), self._headers(method, kind), body)
            self.cookies.update(page.cookies)
            is_redirect = page.status in {301, 302, 303, 307, 308} and page.header("location")
            url = joined(page.url, page.header("location"))
            if not is_redirect or not self.web.is_here(url) or len(before) == _MOST_REDIRECTS:
                return replace(page, before=before)
            before = (*before, page)
            if page.status <= 303 and method != "HEAD":
                method, body, kind = "GET", b"", ""

    def _headers(self, method: str, kind: str) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)
        return {
            **({"cookie": cookies} if cookies else {}),
            **({"authorization": f"Bearer {self.token}"} if self.token else {}),
            **({"content-type": kind} if kind else {}),
            **({} if method in {"GET", "HEAD"} else {"origin": self.web.origin, "referer": f"{self.web.origin}/"}),
            **({} if method in {"GET", "HEAD"} else self.headers),
        }
