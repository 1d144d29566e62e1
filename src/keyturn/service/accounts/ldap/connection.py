"""A connection to a server of a directory."""

import asyncio
import ssl
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.ber import Malformed
from keyturn.service.accounts.ldap.messages import NO_ENTRY, Entry, Message, Result, ResultCode
from keyturn.service.settings import is_plain_ldap

_PLAIN_PORT = 389
_TLS_PORT = 636
_MOST_ENTRIES = 10_000  # entries of one answer: a server may ignore the limit of the request

_ANSWERS_TO_READING = (
    ResultCode.SUCCESS,
    ResultCode.NO_SUCH_OBJECT,
    ResultCode.INVALID_DN_SYNTAX,
)


class ConnectionBroken(Exception):
    """A server did not answer, or not in LDAP. It may have executed the last request."""


class Connection:
    """A connection for one caller, which sends one request at a time and limits the waits."""

    def __init__(
        self, url: str, transport: asyncio.Transport, reader: asyncio.StreamReader
    ) -> None:
        self.url = url
        # A request that changes an entry was sent, and the server has not certainly refused it.
        self.may_have_changed = False
        self._transport = transport
        self._reader = reader
        self._number = 0

    @classmethod
    async def open(cls, url: str, context: ssl.SSLContext) -> Self:
        """Connect, with TLS unless the server is on this machine.

        Raises ConnectionBroken, also for an invalid certificate.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        begins_with_tls = parts.scheme == "ldaps"
        port = parts.port or (_TLS_PORT if begins_with_tls else _PLAIN_PORT)
        stream = _new_stream()
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: stream.protocol, host, port, ssl=context if begins_with_tls else None
            )
        # ssl.SSLError is an OSError. UnicodeError: the host is not a possible name in the DNS.
        except (OSError, UnicodeError) as error:
            raise ConnectionBroken(str(error)) from error
        connection = cls(url, transport, stream.reader)
        try:
            if not begins_with_tls and not is_plain_ldap(url):
                await connection._start_tls(context, host)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _start_tls(self, context: ssl.SSLContext, host: str) -> None:
        result = await self.ask(messages.extended(messages.START_TLS))
        if result.code != ResultCode.SUCCESS:
            raise ConnectionBroken(f"it refuses StartTLS: {result}")
        # A new stream: a byte that came before TLS began could be an attacker's (CVE-2011-0411).
        stream = _new_stream()
        self._reader = stream.reader
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport, stream.protocol, context, server_hostname=host
            )
        except OSError as error:
            raise ConnectionBroken(str(error)) from error
        if secured is None:
            raise ConnectionBroken("the connection ended during StartTLS")
        stream.protocol.connection_made(secured)
        self._transport = secured

    async def ask(self, operation: bytes, *controls: bytes, changes: bool = False) -> Result:
        """Send a request, and return its answer.

        `changes`: the request may change an entry.

        Raises ConnectionBroken.
        """
        if self._transport.is_closing() or self._reader.at_eof():
            raise ConnectionBroken("the connection has ended")
        self._number += 1
        self.may_have_changed = self.may_have_changed or changes
        self._transport.write(messages.request(self._number, operation, b"".join(controls)))
        result = await self._receive()
        if changes and result.code in messages.CERTAIN_NO:
            self.may_have_changed = False
        return result

    async def _receive(self) -> Result:
        """Return the answer to the last request. Raises ConnectionBroken."""
        entries: list[Entry] = []
        while True:
            number, answer = await self._next_message()
            # A notice of disconnection has the number 0 (RFC 4511 4.4.1).
            if isinstance(answer, Result) and number == 0:
                raise ConnectionBroken(f"the server ends the connection: {answer}")
            if number != self._number:
                raise ConnectionBroken("an answer to another request")
            if isinstance(answer, Result):
                return msgspec.structs.replace(answer, entries=tuple(entries))
            if answer is not None:
                entries.append(answer)
            if len(entries) > _MOST_ENTRIES:
                raise ConnectionBroken(f"more than {_MOST_ENTRIES:,} entries in an answer")

    async def _next_message(self) -> Message:
        try:
            return messages.read_message(await messages.next_message(self._reader))
        except EOFError:
            raise ConnectionBroken("the server closed the connection") from None
        except (OSError, Malformed) as error:
            raise ConnectionBroken(str(error)) from error

    async def read(self, dn: str, *attributes: str) -> Entry:
        """Return the entry with that name; `NO_ENTRY` if it does not exist or may not be read."""
        wanted = messages.search(dn, messages.ANY, attributes, most=1, seconds=0, whole_tree=False)
        result = await self.ask(wanted)
        if result.code not in _ANSWERS_TO_READING:
            raise ConnectionBroken(f"it refuses to read {dn}: {result}")
        return result.entries[0] if result.entries else NO_ENTRY

    def close(self) -> None:
        self._transport.write(messages.request(self._number + 1, messages.unbind()))
        self._transport.abort()


class _Stream(NamedTuple):
    reader: asyncio.StreamReader
    protocol: asyncio.StreamReaderProtocol


def _new_stream() -> _Stream:
    reader = asyncio.StreamReader()
    return _Stream(reader, asyncio.StreamReaderProtocol(reader))
