"""Running an ASGI application on a port of this machine."""

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Literal

import uvicorn

from keyturn.cli.http_protocol import bounded_protocol
from keyturn.errors import KeyturnError
from keyturn.settings import ServerSettings

if TYPE_CHECKING:  # a worker has no use for Litestar
    from litestar.types import ASGIApp

_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - told apart, not listened on
_NEW_OBJECTS = 10_000
"""How many objects more than after the last collection bring the next one
(https://docs.python.org/3/library/gc.html#gc.set_threshold). The interpreter's own number, 700 in Python 3.11, is less
than some dozens of open requests hold."""

_PATIENCE = 2
"""Seconds that open requests get at the end; a browser's live connection would otherwise never end."""


class PortTaken(KeyturnError):
    """Something else listens on the port, or the host is none of this machine's."""


def listen(host: str, port: int, option: str = "--port", host_option: str = "--host") -> socket.socket:
    """Return a bound socket, so that a taken port is known before anything else is started.

    `option` is the one that chooses another port, `host_option` another host. Raises PortTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:  # "::" takes IPv4 as well, whatever the system's default
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if sys.platform != "win32":  # there it would let two programs share the port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, UnicodeError) as error:  # UnicodeError: it is no name of a host (RFC 5890), as in "a..b"
        bound.close()
        is_of_host = isinstance(error, socket.gaierror | UnicodeError) or error.errno == errno.EADDRNOTAVAIL
        why = error.strerror if isinstance(error, OSError) else "no name of a host"
        choice = f"another host with {host_option}" if is_of_host else f"another with {option}"
        raise PortTaken(f"cannot listen on {host}:{port} ({why}); choose {choice}") from None
    return bound


def address_of(bound: socket.socket) -> str:
    """Return "host:port" as it stands in a URL; this machine's own where it listens on all addresses."""
    host, port = bound.getsockname()[:2]
    host = _OWN.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve(
    app: "ASGIApp",
    bound: socket.socket,
    ready: Callable[[], None],
    stopping: Callable[[], None] = lambda: None,
    *,
    limits: ServerSettings | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called once requests are answered, `stopping` when the end begins.

    `limits` are those of connections, where strangers may come.
    """
    config = _config(app, "on")
    if limits:
        config.http = bounded_protocol(limits)
    await _AnnouncingServer(config, ready, stopping).serve(sockets=[bound])


@contextlib.asynccontextmanager
async def serving(app: "ASGIApp", bound: socket.socket) -> AsyncIterator[None]:
    """Serve while the block runs, and leave the signals to it."""
    server = _ServerBeside(_config(app, "off"))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _config(app: "ASGIApp", lifespan: Literal["on", "off"]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        # An access log would hold the paths of reset links (OWASP ASVS 16.2.5).
        access_log=False,
        # Who the peer is gets decided in one place, by `server.trusted_proxies`.
        proxy_headers=False,
        server_header=False,
        ws="none",  # nothing here speaks it, and its protocols have bounds of their own
        lifespan=lifespan,
        timeout_graceful_shutdown=_PATIENCE,
    )


class _ServerBeside(uvicorn.Server):
    """Runs a server beside another, and leaves the signals to it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _AnnouncingServer(uvicorn.Server):
    """Runs a server, and says so once it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is there now stays to the end; looking through it for garbage would halt everybody for a tenth of a
            # second now and then (https://docs.python.org/3/library/gc.html#gc.freeze).
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's own signature
        # uvicorn would raise the signal again after its clean end, and so end the process with a bad exit code.
        self._stopping()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
