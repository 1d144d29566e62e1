"""Requests to the application under test, as browsers send them: bounded, and never to another origin."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from keyturn.hosts import is_loopback
from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.rendering.html_tree import Element, parse_html
from keyturn.probe.attack import not_tried

if TYPE_CHECKING:
    import httpx2

_LONGEST = 2_000_000
"""Bytes of an answer. A longer one counts as empty."""

_MOST_REDIRECTS = 5
_SECRET = {"authorization", "cookie"}


class Page(Struct, frozen=True, kw_only=True, dict=True):
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

    def has(self, secret: str) -> bool:
        """Tell whether the headers or the body of any answer have a text."""
        return any(secret in f"{page.headers}\n{page.body}" for page in self.all)

    @property
    def is_html(self) -> bool:
        return "html" in self.header("content-type")

    @cached_property
    def tree(self) -> Element:
        return parse_html(self.body)

    @property
    def words(self) -> str:
        """The body as a person reads it."""
        return self.tree.lines() if self.is_html else self.body

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that all answers set, with empty texts for those that they delete."""
        return dict(_cookie(value) for page in self.all for key, value in page.headers if key == "set-cookie")


def _cookie(header: str) -> tuple[str, str]:
    pair, _, attributes = header.partition(";")
    name, _, value = pair.partition("=")
    is_deleted = any(sign in attributes.lower() for sign in ("max-age=0", "01 jan 1970", "01-jan-1970"))
    return name.strip(), "" if is_deleted else value.strip().strip('"')


def joined(base: str, url: str) -> str:
    """Return a URL of a page in full, without its fragment, or as it is if it cannot be read.

    The names of this machine are one: the name in `base`.
    """
    try:
        mine, other = urlsplit(base), urlsplit(urljoin(base, url))
        is_mine = (other.scheme, other.port) == (mine.scheme, mine.port) and is_loopback(base)
    except ValueError:  # such as http://[x
        return url
    host = mine.netloc if is_mine and is_loopback(other.geturl()) else other.netloc
    return other._replace(netloc=host, fragment="").geturl()


class Web:
    """The origin under test. `per_second`: requests in a second, or None for no limit."""

    def __init__(self, url: str, seconds: float, per_second: int | None = None) -> None:
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        self._client = HttpClient(seconds, _LONGEST, trust_env=False)  # a proxy of the environment is another host
        self._starts = deque[float](maxlen=per_second or 0)
        self._turn = asyncio.Lock()
        self.aclose = self._client.close

    @property
    def is_paced(self) -> bool:
        return bool(self._starts.maxlen)

    def is_here(self, url: str) -> bool:
        """Tell whether a URL in full is of this origin."""
        return f"{url}/".lower().startswith(f"{self.origin}/".lower())

    def here(self, url: str) -> str:
        """Return a URL at this origin, with the path and the query of another: links may name a public host."""
        try:
            return self.origin + urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl()
        except ValueError:
            raise not_tried(f"{url} is no URL.") from None

    async def send(self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"") -> Page:
        """Return the answer, whatever its status. Raises a Finding if there is none."""
        async with self._turn:
            if self.is_paced and len(self._starts) == self._starts.maxlen:
                await asyncio.sleep(self._starts[0] + 1 - time.monotonic())
            self._starts.append(time.monotonic())
        began = time.perf_counter()
        try:
            answer = await self._client.ask(method, url, headers=headers, content=body)
        except CallFailed as error:
            asked = f"{method} {urlsplit(url).path or '/'}"
            raise not_tried(f"{self.origin} gave no answer to {asked} ({error}): is it running?") from None
        shown = "".join(f"{name}: {value}\n" for name, value in headers.items() if name not in _SECRET)
        return Page(
            method=method,
            url=url,
            sent=shown + body.decode("utf-8", "replace"),
            status=answer.status,
            headers=tuple(cast("httpx2.Headers", answer.headers).multi_items()),
            body=answer.body.decode("utf-8", "replace"),
            seconds=time.perf_counter() - began,
        )


class Browser:
    """A browser with cookies of its own. It follows redirects within the origin.

    `headers`: what an attack adds to requests that are no GET. `token`: a bearer token.
    """

    def __init__(self, web: Web, headers: Mapping[str, str] = {}) -> None:
        self.web, self.headers, self.cookies, self.token = web, headers, dict[str, str](), ""

    async def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Page:
        """Return the last answer. `path`: also a URL of the origin. Raises a Finding for one of another."""
        before: tuple[Page, ...] = ()
        url = joined(f"{self.web.origin}/", path)
        if not self.web.is_here(url):
            raise not_tried(f"{url} is another origin than {self.web.origin}, and the probe sends nothing there.")
        while True:
            page = await self.web.send(method, url, self._headers(method, kind), body)
            self.cookies |= page.cookies
            is_redirect = page.status in {301, 302, 303, 307, 308} and page.header("location")
            url = joined(page.url, page.header("location"))
            if not is_redirect or not self.web.is_here(url) or len(before) == _MOST_REDIRECTS:
                return replace(page, before=before)
            before = (*before, page)
            if page.status <= 303 and method != "HEAD":
                method, body, kind = "GET", b"", ""

    def _headers(self, method: str, kind: str) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)
        headers = {
            "cookie": cookies,
            "authorization": f"Bearer {self.token}" if self.token else "",
            "content-type": kind,
        }
        if method not in {"GET", "HEAD"}:
            headers |= {"origin": self.web.origin, "referer": f"{self.web.origin}/", **self.headers}
        return {name: value for name, value in headers.items() if value}
