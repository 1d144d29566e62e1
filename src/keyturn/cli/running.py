"""Running an ASGI application on a port of this machine."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from keyturn.cli.processes import LONGEST_LINGER
from keyturn.reset.records.client import Client
from keyturn.settings import ServerSettings
from keyturn.settings.networks import read_network, read_peer
from keyturn.telemetry.logs import LogEvent

# HTTP from clients that may be hostile, since `serve` may run without a proxy. With httptools, uvicorn bounds neither
# the size of headers nor the time of a request, and its `limit_concurrency` refuses the newest clients. Hypercorn
# bounds
# headers at 16 kB, Granian their time at 30 s; neither bounds the time of a body or the connections of one client. So
# uvicorn's protocol stays, within the bounds below (OWASP ASVS 2.4.1; RFC 9112, 9.5).


log = logging.getLogger("keyturn.server")

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
"""RFC 6585, 5."""

_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LONGEST_TARGET = 8000
"""Bytes that every server should accept (RFC 9112, 3). uvicorn decodes the escapes of a path one by one."""

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
"""RFC 9110, 15.5.9."""

_OWN_FILES = 128
"""Files of the process itself: connections to the database and to providers, its log, its worker's pipes."""

_FEWEST = 16

_OPEN_MAX = 10_240
"""The highest value that macOS accepts if the hard limit is unlimited (setrlimit(2), OPEN_MAX)."""

_PIECE = 1024
"""Bytes that are parsed at once, of up to 256 kB in a read. After a complete request, the rest waits unparsed for the
answer, except for the rest of its piece."""


def bounded_protocol(limits: ServerSettings, *, local: bool = False) -> "type[_BoundedProtocol]":
    """Return uvicorn's protocol within the limits of the settings, and of the files that this process may open.

    `local`: connections come through a Unix socket. They count as this machine's, as those of a proxy on 127.0.0.1.
    """
    most = min(limits.max_connections, max(_raise_open_files() - _OWN_FILES, _FEWEST))
    if most < limits.max_connections:
        log.warning(LogEvent("server.fewer_connections", max_connections=most, wanted=limits.max_connections))
    proxies = [read_network(text) for text in limits.trusted_proxies]

    class Limited(_BoundedProtocol):
        max_headers = limits.max_headers
        max_connections = most
        seconds = limits.request_timeout.total_seconds()
        of_this_machine = local

        def holder(self) -> Hashable:
            peer = read_peer(self.client[0]) if self.client else None
            if peer is None or any(peer in network for network in proxies):
                return self
            return Client(ip_address=str(peer)).networks[0]

    return Limited


def _raise_open_files() -> int:
    """Raise this process's limit of open files to its maximum, and return it. Windows has no such limit."""
    try:
        import resource  # not available on Windows
    except ImportError:
        return sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (hard, _OPEN_MAX):
        if soft != resource.RLIM_INFINITY and (most == resource.RLIM_INFINITY or most > soft):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                break
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


class _BoundedProtocol(HttpToolsProtocol):
    """Bounds each phase of a connection.

    | phase | bound |
    |---|---|
    | before the first byte, in a request's line, headers and body | `seconds` for all of it, then 408 |
    | headers; beside the body, its framing and trailers | `max_headers` bytes, then 431 |
    | while an answer is made | `max_headers` bytes of what follows the request; beyond, the connection is closed |
    | while an answer is read | `seconds` in which the client takes nothing of it |
    | between requests | uvicorn's five seconds |

    Beyond `max_connections`, the client that holds most of them loses the one that has been waiting for longest, in any
    phase but the making of an answer.
    """

    max_headers: int
    max_connections: int
    seconds: float
    of_this_machine: bool
    lingers = False
    waiting_since: float | None

    def holder(self) -> Hashable:
        """Return what holds the connection: an address, an IPv6 /64, or itself behind a trusted proxy."""
        raise NotImplementedError

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.of_this_machine:
            self.client = ("127.0.0.1", 0)
        self.held_by = self.holder()
        self._ahead = b""
        self._beside_body = 0
        self._begun = False
        self._owed = 0
        self._ends: asyncio.TimerHandle | None = None
        self._abort: asyncio.TimerHandle | None = None
        self._begin_to_wait()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._abort:
            self._abort.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._ahead += data
        self._parse()
        if len(self._ahead) > self.max_headers:
            self.transport.close()
            self._abort_later()

    def _parse(self) -> None:
        """Parse the received bytes, up to the end of the request that is answered next."""
        start = 0
        while start < len(self._ahead) and self._owed <= 0 and not self.transport.is_closing():
            room = min(_PIECE, self.max_headers - self._beside_body)
            if room <= 0:
                self._refuse(_TOO_LARGE)
                break
            piece = self._ahead[start : start + room]
            start += room
            self._beside_body += len(piece)
            if self._ends is None:
                self._begin_to_wait()
            super().data_received(piece)
            if self._begun and len(self.url) > _LONGEST_TARGET:
                self._refuse(_TOO_LONG)
        self._ahead = b"" if self.transport.is_closing() else self._ahead[start:]

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._beside_body = 0
        super().on_headers_complete()
        if self.lingers:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun, self._beside_body = False, 0
        self._owed += 1
        if self._owed > 0:
            self._stop_waiting()
            self.waiting_since = None
        else:  # answered before its end arrived, so uvicorn no longer waits for the next
            self._begin_to_wait()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._owed -= 1
        if self.transport.is_closing():
            self._abort_later()
        if self._owed <= 0:
            self.waiting_since = monotonic()
        if self._owed == 0:
            if self._begun:  # the next request, in the same piece
                self._begin_to_wait()
            self._parse()

    def shutdown(self) -> None:
        # A request may be on its way on an idle connection. It is answered, and the answer closes the connection.
        if not self.lingers or self._owed > 0:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.waiting_since = monotonic()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._owed > 0:
            self.waiting_since = None
        if self._abort and not self.transport.is_closing():
            self._abort.cancel()
            self._abort = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def send_400_response(self, msg: str) -> None:
        if self._owed > 0:  # the client would take it for the answer to the previous request
            self.transport.close()
        else:
            super().send_400_response(msg)
        self._abort_later()

    def _begin_to_wait(self) -> None:
        self._stop_waiting()
        self.waiting_since = monotonic()
        self._ends = self.loop.call_later(self.seconds, self._refuse, _TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._ends:
            self._ends.cancel()
            self._ends = None

    def _refuse(self, answer: bytes) -> None:
        """Send the reason, unless an answer has begun, and close."""
        self._stop_waiting()
        if not self.transport.is_closing():
            cycle: RequestResponseCycle | None = self.cycle
            begun = cycle and cycle.response_started and not cycle.response_complete
            if self._owed == 0 and not begun:
                self.transport.write(answer)
            self.transport.close()
            self._abort_later()

    def _abort_later(self) -> None:
        """Abort a connection whose client does not read what is written, even while it closes."""
        if not self._abort:
            self._abort = self.loop.call_later(self.seconds, self.transport.abort)

    def _make_room(self) -> None:
        held = Counter(one.held_by for one in self.connections if isinstance(one, _BoundedProtocol))
        waiting = [
            (held[one.held_by], -since, one)
            for one in self.connections
            if isinstance(one, _BoundedProtocol) and one is not self and (since := one.waiting_since) is not None
        ]
        victim = max(waiting, key=lambda entry: entry[:2])[2] if waiting else self
        self.connections.discard(victim)
        victim.transport.abort()


if TYPE_CHECKING:  # a worker does not need Litestar
    from litestar.types import ASGIApp

_NEW_OBJECTS = 10_000
"""New objects since the last collection that trigger the next one
(https://docs.python.org/3/library/gc.html#gc.set_threshold). The interpreter's default, 700 in Python 3.11, is less
than some dozens of open requests hold."""

_PATIENCE = 2
"""Seconds for open requests at the end; a browser's live connection would otherwise never end."""


async def serve(
    app: "ASGIApp",
    bound: socket.socket,
    ready: Callable[[], None],
    stopping: Callable[[], None] = lambda: None,
    *,
    limits: ServerSettings | None = None,
    until_input_ends: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called once requests are answered, `stopping` when the end begins.

    `limits` are those of connections, where strangers may come. `until_input_ends`: at the end of the standard input
    another process serves the socket. This one answers what has arrived, and ends.
    """
    config = _config(app, "on")
    server = _AnnouncingServer(config, ready, stopping)
    if limits:
        protocol = bounded_protocol(limits, local=bound.family not in {socket.AF_INET, socket.AF_INET6})
        config.http = protocol
        if until_input_ends:
            loop = asyncio.get_running_loop()

            def linger() -> None:
                loop.remove_reader(0)
                if server.should_exit:  # a signal was faster: all processes end
                    return
                protocol.lingers = True
                config.timeout_graceful_shutdown = LONGEST_LINGER
                server.should_exit = True

            loop.add_reader(0, linger)
    await server.serve(sockets=[bound])


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
        # Only `server.trusted_proxies` decides who the client is.
        proxy_headers=False,
        server_header=False,
        ws="none",  # unused, and its protocols have other bounds
        lifespan=lifespan,
        timeout_graceful_shutdown=_PATIENCE,
    )


class _ServerBeside(uvicorn.Server):
    """Runs a second server in the process, which leaves the signals to the first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _AnnouncingServer(uvicorn.Server):
    """Runs a server, and announces when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            # All current objects stay to the end. Collecting them would stop all requests for a tenth of a second now
            # and then (https://docs.python.org/3/library/gc.html#gc.freeze).
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            self._ready()

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        # uvicorn would raise the signal again after its clean end, so the process would end with a bad exit code.
        self._stopping()
        if self.should_exit:  # it waits for open requests already, perhaps for long (`until_input_ends`)
            self._loop.call_soon_threadsafe(self._loop.call_later, _PATIENCE, self._abort_connections)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
