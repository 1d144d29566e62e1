"""Requests to the application under test, as browsers send them: bounded, and never to another
origin.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import httpx2
from msgspec.structs import replace

from keyturn.hosts import host_of, is_loopback, is_loopback_address
from keyturn.http_client import CallFailed, HttpClient
from keyturn.probe.attack import CannotProbe, Limited, NotTried
from keyturn.probe.page import Page

_LONGEST = 2_000_000
"""Bytes of an answer. A longer one counts as empty."""

_LONGEST_PAGE = 200_000
"""Bytes of an answer that are read: parsing and searching more would hold the probe for minutes."""

_MOST_REDIRECTS = 5
_PERMISSION = "/.well-known/keyturn-probe"
"""Where another host publishes that it may be probed."""

_PAUSE = 0.5
"""Seconds between requests to another host."""

_MINTED = re.compile(r"[\w-]{32}", re.ASCII)
"""A permission, as `new_permission` makes it.

Nothing that a host shows on every path has this form.
"""

_LOOPBACK = ("127.0.0.1", "::1")
"""Where `localhost` and `*.localhost` lead, whatever a resolver says (RFC 6761, 6.3)."""

_SECRET = {"authorization", "cookie"}
_BEARER = re.compile(r'"(?:access_?token|token|jwt)"\s*:\s*"([\w.~+/=-]{8,})"', re.IGNORECASE)


def joined(base: str, url: str) -> str:
    """Return a URL in full, without fragment and usual port (RFC 6454, 4); this machine has the
    name in `base`.
    """
    try:
        mine = httpx2.URL(base)
        other = mine.join(url).copy_with(fragment=None)
    except (httpx2.InvalidURL, ValueError):  # such as http://[x
        return url
    is_same_port = (other.scheme, other.port) == (mine.scheme, mine.port)
    if is_same_port and is_loopback(base) and is_loopback(str(other)):
        other = other.copy_with(host=mine.host)
    return str(other)


def needs_permission(url: str) -> bool:
    """Tell whether a URL is of another host. Raises CannotProbe if it is no HTTP URL."""
    if not host_of(url) or urlsplit(url).scheme not in {"http", "https"}:
        raise CannotProbe(
            f"{url!r} is no URL: name your application by one, such as http://127.0.0.1:3000."
        )
    if "@" in urlsplit(url).netloc:
        raise CannotProbe("Leave the user and the password out of the URL, since reports name it.")
    return not is_loopback(url)


def new_permission() -> str:
    """Return a value that only the owner of a host can publish there."""
    return secrets.token_urlsafe(24)


class Web:
    """The origin under test; a call ends after `seconds`, and another host gets two a second.

    Raises CannotProbe.
    """

    def __init__(self, url: str, seconds: float) -> None:
        # A proxy of the environment is another host.
        self._client = HttpClient(seconds, _LONGEST, trust_env=False)
        self.is_another_host = needs_permission(url)
        self.origin = joined(url, "/").removesuffix("/")
        self._turn = asyncio.Lock()
        self._address = ""
        self.aclose = self._client.close

    async def require_permission(self, permission: str) -> None:
        """Ask another host over https for what only its owner can publish.

        Raises CannotProbe and AttackEnded.
        """
        other = f"{self.origin} is another host"
        if not self.origin.startswith("https://"):
            raise CannotProbe(f"{other}: probe it over https, or an application on this machine.")
        if not permission:
            raise CannotProbe(f"{other}: name a --file, which keeps what the host has to publish.")
        if not _MINTED.fullmatch(permission):
            raise CannotProbe(
                "The permission in the --file is not one that the probe made. Delete its line."
            )
        page = await self.send("GET", self.origin + _PERMISSION)
        # A host that shows the same page on every path sends HTML, and cannot be made to publish
        # anything.
        is_text = page.header("content-type").partition(";")[0].strip().lower() == "text/plain"
        if page.status != 200 or not is_text or page.body.strip() != permission:
            raise CannotProbe(
                f"{other}. If it is yours, publish this as text/plain at {_PERMISSION}: "
                f"{permission}"
            )

    def is_here(self, url: str) -> bool:
        """Tell whether a URL in full is of this origin."""
        return f"{url}/".startswith(f"{self.origin}/")

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b""
    ) -> Page:
        """Return the answer. Raises AttackEnded if there is none, or a limit answers."""
        if self.is_another_host:
            async with self._turn:
                await asyncio.sleep(_PAUSE)
        began = time.perf_counter()
        try:
            address, pinned, extensions = await self._pinned(url)
            answer = await self._client.ask(
                method, address, headers={**pinned, **headers}, content=body, extensions=extensions
            )
        except CallFailed as error:
            request = f"{method} {urlsplit(url).path or '/'}"
            raise NotTried(
                f"{self.origin} gave no answer to {request} ({error}): is it running?"
            ) from None
        if answer.status == 429:
            raise Limited("A limit of the application answered 429: raise it while the probe runs.")
        sent = ""
        for name, value in headers.items():
            if name not in _SECRET:
                sent += f"{name}: {value}\n"
        return Page(
            method=method,
            url=url,
            sent=sent + body.decode("utf-8", "replace"),
            status=answer.status,
            headers=tuple(cast(httpx2.Headers, answer.headers).multi_items()),
            body=answer.body[:_LONGEST_PAGE].decode("utf-8", "replace"),
            seconds=time.perf_counter() - began,
        )

    async def _pinned(self, url: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """Return the URL, headers and options of a request that stays on this machine if its host
        is named so.

        A resolver or /etc/hosts may lead `x.localhost` to another host, which has given no
        permission.
        """
        named = httpx2.URL(url)
        if self.is_another_host or is_loopback_address(named.host):
            return url, {}, {}
        if not self._address:
            usual_port = 443 if named.scheme == "https" else 80
            self._address = await _reached(named.port or usual_port)
        headers = {"host": named.netloc.decode()}
        return str(named.copy_with(host=self._address)), headers, {"sni_hostname": named.host}


async def _reached(port: int) -> str:
    """Return the loopback address at which a server listens on a port; the first if none does."""
    for address in _LOOPBACK:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            continue
        writer.close()
        return address
    return _LOOPBACK[0]


class Browser:
    """A browser with cookies or an API's bearer token; `headers`: added to requests other than GET
    and HEAD.

    Redirects stay in the origin.
    """

    def __init__(self, web: Web, headers: Mapping[str, str] = {}) -> None:
        self.web = web
        self.headers = headers
        self.cookies: dict[str, str] = {}
        self.token = ""

    async def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Page:
        """Return the last answer.

        `path`: also a URL of the origin. Raises AttackEnded for one of another.
        """
        before: tuple[Page, ...] = ()
        url = joined(f"{self.web.origin}/", path)
        if not self.web.is_here(url):
            raise NotTried(
                f"{url} is another origin than {self.web.origin}, and the probe sends nothing "
                "there."
            )
        while True:
            page = await self.web.send(method, url, self._headers(method, kind), body)
            self._keep_session(page)
            is_redirect = page.status in {301, 302, 303, 307, 308} and page.header("location")
            url = joined(page.url, page.header("location"))
            if not is_redirect or not self.web.is_here(url) or len(before) == _MOST_REDIRECTS:
                return replace(page, before=before)
            before = (*before, page)
            if page.status <= 303 and method != "HEAD":
                method = "GET"
                body = b""
                kind = ""

    def _keep_session(self, page: Page) -> None:
        self.cookies |= page.cookies
        if page.method != "GET" and not page.is_html:
            token = _BEARER.search(page.body)
            if token:
                self.token = token[1]

    def _headers(self, method: str, kind: str) -> dict[str, str]:
        headers = {}
        if kind:
            headers["content-type"] = kind
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        cookies = [f"{name}={value}" for name, value in self.cookies.items() if value]
        if cookies:
            headers["cookie"] = "; ".join(cookies)
        if method not in {"GET", "HEAD"}:
            headers["origin"] = self.web.origin
            headers["referer"] = f"{self.web.origin}/"
            headers.update(self.headers)
        return headers
