"""An application of Keyturn's own, and what runs beside its routes: the service, or the plugin's
part of an app.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from itertools import product
from typing import Any, Literal, cast, get_args

from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from keyturn.errors import KeyturnError
from keyturn.service.api.cookies import Holds
from keyturn.service.api.problems import count_unread
from keyturn.service.child_worker.supervisor import Supervisor
from keyturn.service.container import Container
from keyturn.service.database.migrations import require_current
from keyturn.service.limits import counting_alone
from keyturn.service.sending.senders import require_libraries
from keyturn.service.settings.networks import both_forms, read_network, read_peer
from keyturn.service.telemetry.logs import LogEvent, redact_access_logs

log = logging.getLogger("keyturn.accounts")

_LONGEST_BODY = 16_384
"""Bytes of a request's body; more is refused unread (413). No form or call needs a tenth of it."""

_LONGEST_COOKIE = 4096
"""Bytes of a name and its value that browsers must support (RFC 6265, 6.1)."""

_MOST_OF_A_NAME = 8
"""Cookies of one name that are read: a browser may hold one for each of two paths, beside planted
ones.
"""

_LONGEST_HEADER = 4096
"""Bytes of any other header's value that are read: Litestar parses the parameters of a type one by
one.
"""

_HTTPS = (b"strict-transport-security", b"max-age=31536000")
"""A year (OWASP ASVS 3.4.1), without includeSubDomains: the hosts below may belong to other
services.
"""


class KeyturnApp(Litestar):
    """An application whose middleware also answers for unknown addresses.

    Its server gets a sentence if it cannot start.

    It checks the database and the accounts when it starts, and runs the worker until it stops.
    `worker`: as `server.worker` says. `is_checked`: by `serve`, before it started anything. Raises
    SettingsInvalid.
    """

    def __init__(
        self, container: Container, *, worker: bool, is_checked: bool = False, **config: Any
    ) -> None:
        redact_access_logs()
        settings, self._container, self._is_checked, self._fault = (
            container.settings,
            container,
            is_checked,
            "",
        )
        # A sender of the app, as in tests, exists in this process alone.
        place = "inside" if container.sender else settings.server.worker
        self._worker: Literal["child", "inside", "none"] = place if worker else "none"
        self._supervisor = Supervisor(container) if self._worker == "child" else None
        if self._worker != "none" and not container.sender:
            require_libraries(settings.mail.transport, settings.mail.fallback)
        config |= {"logging_config": None, "request_max_body_size": _LONGEST_BODY}
        super().__init__(lifespan=[self._run], after_exception=[count_unread(container)], **config)
        app = _behind_proxies(super().__call__, settings.server.trusted_proxies)
        if is_checked:  # the plugin's app may have a proxy of its own
            app = _noting_unknown_proxies(app, settings.server.trusted_proxies)
        self._behind_middleware = _bounding_middleware(app, secure=settings.secure)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed" and self._fault:
                message = {**message, "message": self._fault}
            await send(message)

        await self._behind_middleware(scope, receive, tell if scope["type"] == "lifespan" else send)

    @contextlib.asynccontextmanager
    async def _run(self, _: Litestar) -> AsyncIterator[None]:
        """Raise SettingsInvalid, DatabaseUnready or the error of the accounts if the app cannot
        start.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._container.close)
            try:
                await self._check(stack)
            except KeyturnError as error:
                self._fault = str(error)
                raise
            if self._supervisor:
                stack.push_async_callback(self._supervisor.stop)
                self._supervisor.start()
            elif self._worker == "inside":
                worker = asyncio.create_task(self._container.work())
                worker.add_done_callback(self._note_end)
                self._container.worker_is_down = False
                stack.push_async_callback(_cancel, worker)
            yield

    def _note_end(self, worker: asyncio.Task[None]) -> None:
        self._container.worker_is_down = True
        if not worker.cancelled():
            logging.getLogger("keyturn.worker").error(
                LogEvent("worker.ended"), exc_info=worker.exception()
            )

    async def _check(self, stack: contextlib.AsyncExitStack) -> None:
        container = self._container
        await require_current(container.database)
        await container.accounts.require_ready()
        if container.second_step:
            await container.second_step.step.require_ready()
        if not self._is_checked:
            for doubt in await container.accounts.findings(container.settings.hashing):
                log.warning(LogEvent("accounts.doubt", reason=f"{doubt.message}. {doubt.fix}"))
            stack.enter_context(
                counting_alone(container.database, in_memory=container.settings.limits.in_memory)
            )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _bounding_middleware(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """Return `app` behind middleware that bounds requests, and demands https if `secure` (HSTS)."""
    prefixes = ("__Host-", "__Secure-") if secure else ("",)
    names = frozenset(
        f"{prefix}keyturn_{holds}".encode() for holds, prefix in product(get_args(Holds), prefixes)
    )

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        # A copy, so that the app around keeps its own cookies.
        scope = cast(
            "Scope", {**scope, "headers": _bounded_headers(scope.get("headers", ()), names)}
        )

        async def promising(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                # Browsers use only the first (RFC 6797, 8.1).
                if not any(name.lower() == _HTTPS[0] for name, _ in headers):
                    message["headers"] = [*headers, _HTTPS]
            await send(message)

        await app(scope, receive, promising if secure else send)

    return bounded


def _behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app` with the client of X-Forwarded-For, read from the right, of trusted `proxies`
    (OWASP ASVS 4.1.3).
    """
    middleware: Any = ProxyHeadersMiddleware  # its types are those of another library
    return cast("ASGIApp", middleware(app, both_forms(proxies))) if proxies else app


def _noting_unknown_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app` that logs the first X-Forwarded-For of a peer that is no trusted proxy, and so
    is ignored.
    """
    networks = [read_network(proxy) for proxy in proxies]
    is_noted = False

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal is_noted
        client = scope.get("client")
        is_forwarded = any(name == b"x-forwarded-for" for name, _ in scope.get("headers", ()))
        if is_forwarded and client and not is_noted:
            peer = read_peer(client[0])
            if peer and not any(peer in network for network in networks):
                is_noted = True
                reason = (
                    "X-Forwarded-For is ignored: if the peer is your proxy, add it to "
                    "server.trusted_proxies"
                )
                logging.getLogger("keyturn.proxy").warning(
                    LogEvent("proxy.untrusted", peer=peer, reason=reason)
                )
        await app(scope, receive, send)

    return noting


def _bounded_headers(
    headers: Iterable[tuple[bytes, bytes]], names: Collection[bytes]
) -> list[tuple[bytes, bytes]]:
    """Return bounded headers, with cookies of these names alone.

    Another host of the domain can plant cookies, which then come first (RFC 6265bis, 8.6). It can
    plant none with __Host-, so a limit for each name keeps these.
    """
    headers = list(headers)
    rest = [
        # Proxies append to X-Forwarded-For, and it is read from the end.
        (name, value[-_LONGEST_HEADER:] if name == b"x-forwarded-for" else value[:_LONGEST_HEADER])
        for name, value in headers
        if name != b"cookie"
    ]
    own = _own_cookies(b";".join(value for name, value in headers if name == b"cookie"), names)
    return [*rest, (b"cookie", b"; ".join(own))] if own else rest


def _own_cookies(sent: bytes, names: Collection[bytes]) -> list[bytes]:
    """Return the cookies of these names, without quotes: unquoting takes quadratic time
    (CVE-2024-7592).
    """
    own: list[bytes] = []
    counts: Counter[bytes] = Counter()
    for part in sent.split(b";"):
        cookie = part.strip()
        name = cookie.partition(b"=")[0]
        is_usable = name in names and len(cookie) <= _LONGEST_COOKIE and b'"' not in cookie
        if is_usable and counts[name] < _MOST_OF_A_NAME:
            counts[name] += 1
            own.append(cookie)
    return own
