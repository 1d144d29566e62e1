"""HTTP from strangers: what a connection may send, for how long, and how many there may be.

uvicorn leaves this to a proxy in front; `serve` may stand without one. h11 bounds headers and is three times as slow.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keyturn.settings import ServerSettings

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
"""RFC 6585, 5."""

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
"""RFC 9110, 15.5.9."""


def bounded_protocol(limits: ServerSettings) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol within the limits of the settings."""

    class Limited(_BoundedProtocol):
        max_headers = limits.max_headers
        max_connections = limits.max_connections
        seconds = limits.request_timeout.total_seconds()

    return Limited


class _BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request is too large at its head or takes too long to come.

    Where there are too many connections, the one that has been without a request for longest makes room: whoever holds
    hundreds open keeps out nobody but themselves (OWASP ASVS 2.4.1).
    """

    max_headers: int
    max_connections: int
    seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = 0
        self._in_head = True
        self._ends: asyncio.TimerHandle | None = None
        self.idle_since: float | None = self.loop.time()
        self._begin_to_wait()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ends is None and self._in_head:  # the next request on this connection
            self._begin_to_wait()
        if self._in_head:
            room = self.max_headers - self._head
            self._head += len(data)
            super().data_received(data[:room])
            if self._is_too_large():
                self._refuse(_TOO_LARGE)
                return
            data = data[room:]
        if data and not self.transport.is_closing():
            super().data_received(data)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.idle_since = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._head, self._in_head = 0, True
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def _is_too_large(self) -> bool:
        return self._in_head and self._head > self.max_headers

    def _begin_to_wait(self) -> None:
        self._ends = self.loop.call_later(self.seconds, self._refuse, _TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._ends:
            self._ends.cancel()
            self._ends = None

    def _refuse(self, answer: bytes) -> None:
        """Say why, unless an answer is on its way already, and close."""
        self._stop_waiting()
        if not self.transport.is_closing():
            if self._in_head:
                self.transport.write(answer)
            self.transport.close()

    def _make_room(self) -> None:
        waiting: list[Any] = [one for one in self.connections if getattr(one, "idle_since", None) is not None]
        if waiting:
            min(waiting, key=lambda one: one.idle_since).transport.close()
