"""Keyturn's own Litestar application, and what runs beside its routes.

It is the whole service, or the part of an app that the plugin adds.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Literal, cast, get_args

from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from keyturn.errors import KeyturnError
from keyturn.service.api.cookies import Holds
from keyturn.service.api.problems import count_unread
from keyturn.service.child_worker.supervisor import Supervisor
from keyturn.service.container import Container
from keyturn.service.limits import counting_alone
from keyturn.service.sending.senders import require_libraries
from keyturn.service.settings.networks import both_forms, read_network, read_peer
from keyturn.service.start_checks import find_doubts, require_ready
from keyturn.service.telemetry.logs import LogEvent, redact_access_logs
from keyturn.service.worker_queues import work

_LONGEST_BODY = 16_384
"""Bytes of a request's body. A longer one is refused unread (413)."""

_LONGEST_COOKIE = 4096
"""Bytes of a cookie's name and value. Browsers must support as many (RFC 6265, 6.1)."""

_MOST_OF_A_NAME = 8
"""Cookies of one name that are read: a browser may send one for each of two paths, and cookies that
another host has planted.
"""

_LONGEST_HEADER = 4096
"""Bytes of any other header's value that are read. Litestar parses the parameters of a media type
one by one, so a long header would cost much time.
"""

_HTTPS = (b"strict-transport-security", b"max-age=31536000")
"""A year (OWASP ASVS 3.4.1). It has no includeSubDomains: the hosts below this one may belong to
other services.
"""


class KeyturnApp(Litestar):
    """A Litestar application whose middleware bounds requests, also those of unknown addresses.

    At its start it checks the database and the accounts, and starts the worker, which runs until
    the application stops. If it cannot start, the server gets a sentence that says why.

    `worker`: False starts no worker; otherwise `server.worker` decides.
    `is_checked`: `keyturn serve` has made the checks and holds the lock of the counters.

    Raises SettingsInvalid.
    """

    def __init__(
        self, container: Container, *, worker: bool, is_checked: bool = False, **config: Any
    ) -> None:
        redact_access_logs()
        settings = container.settings
        self._container = container
        self._is_checked = is_checked
        self._fault = ""
        self._worker_place: Literal["child", "inside", "none"] = "none"
        if worker:
            # A sender that a test has passed exists in this process alone.
            self._worker_place = "inside" if container.sender else settings.server.worker
        self._supervisor: Supervisor | None = None
        if self._worker_place == "child":
            self._supervisor = Supervisor(container)
        if self._worker_place != "none" and not container.sender:
            require_libraries(settings.mail.transport, settings.mail.fallback)
        config |= {"logging_config": None, "request_max_body_size": _LONGEST_BODY}
        super().__init__(lifespan=[self._run], after_exception=[count_unread(container)], **config)
        app = _behind_proxies(super().__call__, settings.server.trusted_proxies)
        if is_checked:  # not in the plugin, whose app may handle its proxy itself
            app = _noting_unknown_proxies(app, settings.server.trusted_proxies)
        self._behind_middleware = _bounding_middleware(app, secure=settings.secure)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed" and self._fault:
                message = {**message, "message": self._fault}
            await send(message)

        is_lifespan = scope["type"] == "lifespan"
        await self._behind_middleware(scope, receive, tell if is_lifespan else send)

    @contextlib.asynccontextmanager
    async def _run(self, _: Litestar) -> AsyncIterator[None]:
        """Start what runs beside the routes, and close everything at the end.

        Raises SettingsInvalid, DatabaseUnready or AccountsUnready if the application cannot start.
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
            elif self._worker_place == "inside":
                worker = asyncio.create_task(work(self._container))
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
        """Check what the application needs, log doubts, and hold the lock of the counters."""
        container = self._container
        revision = await require_ready(container)  # an app's own store may get ready by it
        if self._is_checked:  # `keyturn serve` has done the rest, with a container of its own
            return
        async for doubt in find_doubts(container, revision):
            log = logging.getLogger(f"keyturn.{doubt.area}")
            log.warning(LogEvent(f"{doubt.area}.doubt", reason=doubt.sentence))
        stack.enter_context(
            counting_alone(container.database, in_memory=container.settings.limits.in_memory)
        )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _bounding_middleware(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """Return `app` with bounded requests. If `secure`, its answers demand https (HSTS)."""
    names = _cookie_names(secure=secure)

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = _bounded_headers(scope.get("headers", ()), names)
        # A copy: in an app with the plugin, the app still needs its own cookies.
        scope = cast("Scope", {**scope, "headers": headers})

        async def promising(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                # Browsers use only the first (RFC 6797, 8.1).
                if not any(name.lower() == _HTTPS[0] for name, _ in headers):
                    message["headers"] = [*headers, _HTTPS]
            await send(message)

        await app(scope, receive, promising if secure else send)

    return bounded


def _cookie_names(*, secure: bool) -> frozenset[bytes]:
    """Return the names of all cookies of the service. If `secure`, each has a prefix."""
    names = []
    for holds in get_args(Holds):
        if secure:
            names += [f"__Host-keyturn_{holds}", f"__Secure-keyturn_{holds}"]
        else:
            names.append(f"keyturn_{holds}")
    return frozenset(name.encode() for name in names)


def _behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app`, which gets the client's address from the X-Forwarded-For of trusted `proxies`.

    The header is read from the right, since a client may send the beginning (OWASP ASVS 4.1.3).
    """
    if not proxies:
        return app
    middleware: Any = ProxyHeadersMiddleware  # its types are those of another library
    return cast("ASGIApp", middleware(app, both_forms(proxies)))


def _noting_unknown_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """Return `app`, and log the first X-Forwarded-For of a peer that is not a trusted proxy.

    Keyturn ignores that header.
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
    """Return the headers with bounded values, and only the cookies of these names.

    Another host of the domain can plant cookies, and browsers may send those first (RFC 6265bis,
    8.6). It cannot plant cookies whose names begin with __Host-. The limit is one for each name, so
    planted cookies do not push these out.
    """
    bounded = []
    cookies = []
    for name, value in headers:
        if name == b"cookie":
            cookies.append(value)
        elif name == b"x-forwarded-for":
            # Proxies append to the header, and it is read from the end.
            bounded.append((name, value[-_LONGEST_HEADER:]))
        else:
            bounded.append((name, value[:_LONGEST_HEADER]))
    own = _own_cookies(b";".join(cookies), names)
    if own:
        bounded.append((b"cookie", b"; ".join(own)))
    return bounded


def _own_cookies(sent: bytes, names: Collection[bytes]) -> list[bytes]:
    """Return the cookies of these names, except those with a quotation mark.

    Unquoting takes quadratic time (CVE-2024-7592), and Keyturn writes no such cookie.
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
