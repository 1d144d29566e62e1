"""A connection to a directory's server: one request at a time, and every wait ends."""

import asyncio
import ssl
from typing import Self
from urllib.parse import urlsplit

import msgspec

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.messages import Answer, Entry, Malformed, Result
from keyturn.service.settings import is_plain_ldap

SUCCESS, NO_SUCH_OBJECT, _INVALID_NAME = 0, 32, 34
_UNCLEAR = {1, 3, 11, 51, 52, 54, 80}
CERTAIN_NO = frozenset(range(1, 81)) - _UNCLEAR
"""Result codes that say that nothing was changed (RFC 4511 4.1.9 and appendix A).

Servers and proxies answer operationsError, a limit, busy, unavailable, loopDetect and other for what they began, too.
"""

_PLAIN_PORT, _TLS_PORT = 389, 636
_GOODBYE = 1.0
_MOST_ENTRIES = 10_000
"""Entries of one answer that a server may send, whatever limit was asked for."""


class ConnectionBroken(Exception):
    """A server did not answer, or not in LDAP. The request that waited may have been executed."""


class _Wire(asyncio.Protocol):
    """Takes messages out of the stream of bytes."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._buffer = bytearray()
        self._answers: asyncio.Queue[tuple[int, Answer] | Exception] = asyncio.Queue()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while size := messages.message_size(self._buffer):
                self._answers.put_nowait(messages.read_message(bytes(self._buffer[:size])))
                del self._buffer[:size]
        except Malformed as error:
            self._buffer.clear()
            self._answers.put_nowait(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()
        self._answers.put_nowait(error or ConnectionResetError("the server closed the connection"))

    async def next_answer(self) -> tuple[int, Answer]:
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            self._answers.put_nowait(answer)  # every later wait ends as well
            raise ConnectionBroken(f"{answer}") from answer
        return answer

    @property
    def is_silent(self) -> bool:
        """Whether no byte waits: one that came before TLS began could be an attacker's (CVE-2011-0411)."""
        return not self._buffer and self._answers.empty()


class Connection:
    """A connection that is used by one caller at a time, who bounds the waits.

    `may_have_changed`: a request that changes an entry was sent, and no certain "no" came back. Only callers reset it.
    """

    def __init__(self, url: str, transport: asyncio.Transport, wire: _Wire) -> None:
        self.url = url
        self.may_have_changed = False
        self._transport = transport
        self._wire = wire
        self._number = 0
        self._is_waiting = False

    @classmethod
    async def open(cls, url: str, context: ssl.SSLContext) -> Self:
        """Connect with TLS, but for this machine. Raises ConnectionBroken, for a certificate that does not fit, too."""
        parts = urlsplit(url)
        host, is_tls = parts.hostname or "", parts.scheme == "ldaps"
        loop, port = asyncio.get_running_loop(), parts.port or (_TLS_PORT if is_tls else _PLAIN_PORT)
        try:
            transport, wire = await loop.create_connection(_Wire, host, port, ssl=context if is_tls else None)
            connection = cls(url, transport, wire)
        except (OSError, UnicodeError) as error:  # ssl.SSLError is one; UnicodeError is of a name that DNS cannot have
            raise ConnectionBroken(str(error)) from error
        try:
            if not is_tls and not is_plain_ldap(url):
                await connection._start_tls(context, host)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _start_tls(self, context: ssl.SSLContext, host: str) -> None:
        result = await self.ask(messages.extended(messages.START_TLS))
        if result.code != SUCCESS or not self._wire.is_silent:
            raise ConnectionBroken(f"it refuses StartTLS: {result}")
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self._wire, context, server_hostname=host)
        except OSError as error:
            raise ConnectionBroken(str(error)) from error
        if secured is None:
            raise ConnectionBroken("the connection ended during StartTLS")
        self._transport = secured

    async def ask(self, operation: bytes, *controls: bytes, changes: bool = False) -> Result:
        """Send a request, which may change an entry, and return its answer. Raises ConnectionBroken."""
        if not self.is_usable:
            raise ConnectionBroken("the connection has ended")
        self._number += 1
        self.may_have_changed = self.may_have_changed or changes
        self._is_waiting = True
        self._transport.write(messages.request(self._number, operation, b"".join(controls)))
        entries: list[Entry] = []
        while True:
            number, answer = await self._wire.next_answer()
            if isinstance(answer, Result) and number == 0:  # a notice of disconnection (RFC 4511 4.4.1)
                raise ConnectionBroken(f"the server ends the connection: {answer}")
            if number != self._number:
                raise ConnectionBroken("an answer to another request")
            if isinstance(answer, Result):
                self._is_waiting = False
                if changes and answer.code in CERTAIN_NO:
                    self.may_have_changed = False
                return msgspec.structs.replace(answer, entries=tuple(entries))
            if answer is not None:
                entries.append(answer)
            if len(entries) > _MOST_ENTRIES:
                raise ConnectionBroken(f"more than {_MOST_ENTRIES:,} entries in an answer")

    async def read(self, dn: str, *attributes: str) -> Entry:
        """Return the entry of that name; one without a name if it does not exist, or may not be seen."""
        wanted = messages.search(dn, messages.ANY, attributes, most=1, seconds=0, whole_tree=False)
        result = await self.ask(wanted)
        if result.code not in {SUCCESS, NO_SUCH_OBJECT, _INVALID_NAME}:
            raise ConnectionBroken(f"it refuses to read {dn}: {result}")
        return next(iter(result.entries), Entry("", {}))

    @property
    def is_usable(self) -> bool:
        """Whether a request can be sent: no other is open, and no message came unasked, such as a notice."""
        return not self._transport.is_closing() and not self._is_waiting and self._wire.is_silent

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the end."""
        if self.is_usable:
            self._transport.write(messages.request(self._number + 1, bytes((messages.UNBIND, 0))))
        self._transport.close()
        try:
            await asyncio.wait_for(self._wire.ended.wait(), _GOODBYE)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        self._transport.abort()
