"""Limits on the connections of a server's clients: their size, their time and their number."""

import logging
import re
import socket
from collections import Counter
from collections.abc import Hashable
from datetime import timedelta
from http import HTTPStatus
from time import monotonic
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from keyturn.service.client import Client
from keyturn.service.settings.networks import read_network, read_peer
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.server")

_MOST_AHEAD = 16  # requests that a client may send before the first is answered
_MOST_UNREAD = 1_000_000  # bytes that are read and dropped after a refusal
_LOOKS = 8  # times that a connection is looked at within `request_timeout`
# Files of the process itself, such as connections to the database and to providers.
_OWN_FILES = 128
_FEWEST = 16  # connections, even if the process may open only few files

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Za-z:.%]+\])(?::[0-9]{0,5})?")
"""A host, as a name or an address, and its port (RFC 3986, 3.2.2). Any other Host header gets 400
(RFC 9110, 7.2).
"""

_SECURITY = (
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'",
    b"x-content-type-options: nosniff",
    b"referrer-policy: no-referrer",
    b"cache-control: no-store",
)
# The end of the answer to a refused request.
_END = b"\r\n".join([*_SECURITY, b"connection: close", b"content-length: 0", b"", b""])


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on the connections of `serve`. They suffice for slow browsers, and cost little memory.

    `trusted_proxies`: proxies, each of whose connections counts as a client of its own.
    `max_headers`: bytes of a request's address, headers and trailers.
    `max_connections`: beyond it, the client with the most connections loses the one that has waited
    longest.
    `request_timeout`: how long a request may take to arrive, and how long a client may read nothing
    of an answer.
    """

    trusted_proxies: tuple[str, ...] = ()
    max_headers: int = 16_384
    max_connections: int = 800
    request_timeout: timedelta = timedelta(seconds=10)


def limits_of_process(trusted_proxies: tuple[str, ...]) -> ConnectionLimits:
    """Return the limits of a process of `serve`.

    They allow fewer connections if the process may not open enough files.
    """
    import resource  # not available on Windows, where the studio runs

    limits = ConnectionLimits(trusted_proxies=trusted_proxies)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = max(files - _OWN_FILES, _FEWEST)
    if files == resource.RLIM_INFINITY or most >= limits.max_connections:
        return limits
    log.warning(
        LogEvent("server.fewer_connections", max_connections=most, wanted=limits.max_connections)
    )
    return msgspec.structs.replace(limits, max_connections=most)


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with limits against clients that are too slow, too large or too many.

    | phase | limit |
    |---|---|
    | before the first byte; from a request's first byte to its last | `request_timeout`, then 408 |
    | address, headers, trailers; other bytes that are no body | `max_headers`, then 414 or 431 |
    | while an answer is made | 16 requests ahead |
    | while an answer is read | `request_timeout` in which the client takes nothing of it |
    | between requests | uvicorn's `timeout_keep_alive` |

    Beyond `max_connections`, the client that holds most of them loses the one that has been waiting
    for longest, in any phase but the making of an answer. With httptools, uvicorn bounds none of
    this, and its `limit_concurrency` refuses the newest clients. With h11 it bounds only headers,
    and a request takes 60 microseconds more (OWASP ASVS 2.4.1).
    """

    def __init__(self, limits: ConnectionLimits, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._limits = limits
        self._seconds = limits.request_timeout.total_seconds()
        # Complete requests without a complete answer; -1 if an answer ended before its request.
        self._owed = 0
        self._headers = 0  # bytes of the request's address, headers and trailers
        self._unknown = 0  # bytes since the parser last recognised any
        self._unread = 0  # bytes of answers that the client had not taken at the last look
        self._fault = HTTPStatus.BAD_REQUEST
        self._is_refused = False
        self.waiting_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if transport.get_extra_info("socket").family not in {socket.AF_INET, socket.AF_INET6}:
            self.client = ("127.0.0.1", 0)  # the client of a Unix socket is on this machine
        self.held_by = self.holder()
        self._begin_to_wait()
        self._look()
        if len(self.connections) > self._limits.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def holder(self) -> Hashable:
        """Return the client that holds the connection: an IPv4 address or an IPv6 /64.

        A connection of a trusted proxy is a client of its own.
        """
        peer = read_peer(self.client[0]) if self.client else None
        if peer is None:
            return self
        for proxy in self._limits.trusted_proxies:
            if peer in read_network(proxy):
                return self
        return Client(ip_address=str(peer)).networks[0]

    def data_received(self, data: bytes) -> None:
        self._unknown += len(data)
        if self._is_refused:
            if self._unknown > _MOST_UNREAD:
                self.transport.abort()
            return
        super().data_received(data)
        if self._unknown > self._limits.max_headers:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._headers = 0
        if self._owed == 0:
            self._begin_to_wait()
        if len(self.pipeline) == _MOST_AHEAD:
            raise ValueError  # uvicorn then calls `send_400_response`

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url), HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(
            len(name) + len(value) + len(": \r\n"), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        )

    def _count(self, size: int, fault: HTTPStatus) -> None:
        self._unknown = 0
        self._headers += size
        if self._headers > self._limits.max_headers:
            self._fault = fault
            raise ValueError

    def on_headers_complete(self) -> None:
        """Refuse a target that is neither a path nor a URL, such as `*`, and a missing, second or
        malformed Host header (RFC 9112, 3.2).
        """
        hosts = [value for name, value in self.headers if name == b"host"]
        needs_host = self.parser.get_http_version() != "1.0"
        if not self.url.startswith((b"/", b"http://", b"https://")):
            raise ValueError
        if len(hosts) > 1 or (needs_host and not hosts):
            raise ValueError
        if not all(map(_HOST.fullmatch, hosts)):
            raise ValueError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unknown = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unknown = 0
        self._owed += 1
        self._begin_to_wait()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._owed -= 1
        self._begin_to_wait()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.waiting_since = monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._begin_to_wait()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        self._refuse(self._fault)

    def _begin_to_wait(self) -> None:
        self.waiting_since = None if self._owed > 0 else monotonic()

    def _look(self) -> None:
        """Refuse a request that takes too long to arrive.

        If the client has stopped reading, the connection is aborted.
        """
        self._timer = self.loop.call_later(self._seconds / _LOOKS, self._look)
        unread = self.transport.get_write_buffer_size()
        if self.waiting_since is not None and unread < self._unread:  # the client reads
            self.waiting_since = monotonic()
        self._unread = unread
        if not self._waits_too_long():
            return
        has_stopped_reading = self.flow.write_paused
        if self._is_refused or self.transport.is_closing() or has_stopped_reading:
            self.transport.abort()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _waits_too_long(self) -> bool:
        # Between two requests, uvicorn's `timeout_keep_alive` counts.
        is_between_requests = self.timeout_keep_alive_task and self._owed == 0 and not self._unread
        return not is_between_requests and self.seconds_waited() >= self._seconds

    def seconds_waited(self) -> float:
        """Return how long the client has kept the server waiting; 0 while an answer is made."""
        if self.waiting_since is None:
            return 0.0
        return monotonic() - self.waiting_since

    def _refuse(self, status: HTTPStatus) -> None:
        """Send the reason and close the connection.

        The reason is not sent if the client would take it for another answer, or for a part of one.
        Later bytes are read and dropped until the client closes: closing with unread bytes resets
        the connection, and a reset may destroy the answer on its way (RFC 9112, 9.6).
        """
        if self._is_refused or self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if self._owed != 0:  # the next answer belongs to an earlier request
            self.transport.close()
        elif cycle is None or cycle.response_complete:
            self._write_reason(status)
            self._is_refused = True
            self.transport.write_eof()
            self.flow.resume_reading()
        else:  # the application already has the request, and may have begun to answer
            if not cycle.response_started:
                self._write_reason(status)
            self.transport.close()
        self.waiting_since = monotonic()

    def _write_reason(self, status: HTTPStatus) -> None:
        self.transport.write(b"HTTP/1.1 %d %b\r\n%b" % (status, status.phrase.encode(), _END))

    def _make_room(self) -> None:
        connections = [one for one in self.connections if isinstance(one, BoundedProtocol)]
        held = Counter(one.held_by for one in connections)
        waiting = [one for one in connections if one is not self and one.waiting_since is not None]
        # This connection itself goes if all others wait for an answer of the application.
        victim = max(
            waiting, key=lambda one: (held[one.held_by], one.seconds_waited()), default=self
        )
        self.connections.discard(victim)
        victim.transport.abort()
