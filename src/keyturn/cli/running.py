"""Runs an ASGI application on sockets of this machine."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import uvicorn

from keyturn.cli.connections import BoundedProtocol, ConnectionLimits
from keyturn.garbage import collect_seldom
from keyturn.service.event_loop import on_signals

App = Callable[..., Any]
Call = Callable[[], None]

# Seconds for open requests at the end: a browser's live connection would otherwise never end.
_PATIENCE = 2
_IDLE = 75  # seconds between two requests: load balancers must close a connection first
# Seconds after which one of several processes is replaced if it does not answer: on a busy machine,
# loading alone takes five.
_SILENT = 30
_DEFAULT_LIMITS = ConnectionLimits()


def _do_nothing() -> None:
    pass


async def serve(
    app: App,
    bound: Sequence[socket.socket],
    ready: Call,
    stopping: Call = _do_nothing,
    *,
    limits: ConnectionLimits = _DEFAULT_LIMITS,
) -> None:
    """Serve on all sockets until SIGINT or SIGTERM. A second signal ends it at once.

    `ready`: called once requests are answered.
    `stopping`: called when the end begins.
    """
    server = _Server(uvicorn_config(app, limits), ready)

    def end() -> None:
        stopping()
        server.force_exit = server.should_exit
        server.should_exit = True

    with on_signals((signal.SIGINT, signal.SIGTERM), end):
        await server.serve(sockets=list(bound))


@contextlib.asynccontextmanager
async def serving(app: App, bound: socket.socket) -> AsyncIterator[None]:
    """Serve while the block runs, and leave the signals to it."""
    server = _Server(uvicorn_config(app, _DEFAULT_LIMITS, lifespan="off"), _do_nothing)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def uvicorn_config(
    app: App, limits: ConnectionLimits, *, workers: int = 1, **more: Any
) -> uvicorn.Config:
    """Return uvicorn's configuration. It can be pickled for other processes if `app` can.

    There is no access log, since it would hold the paths of reset links (OWASP ASVS 16.2.5).
    Uvicorn's proxy headers are off, since only `server.trusted_proxies` decides who the client is.
    WebSockets are off: they are not used, and their protocols have other limits.
    """
    http: Any = partial(BoundedProtocol, limits)
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        loop="asyncio",
        workers=workers,  # if it is None, uvicorn reads WEB_CONCURRENCY, which may say "auto"
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_PATIENCE,
        timeout_worker_healthcheck=_SILENT,
        **more,
    )


class _Server(uvicorn.Server):
    """Calls `ready` once it answers, and leaves the signals to the process.

    Uvicorn would raise them again at the end.
    """

    def __init__(self, config: uvicorn.Config, ready: Call) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collect_seldom(loaded=True)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
