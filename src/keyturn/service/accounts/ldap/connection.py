"""A connection to a directory's server: one request at a time."""

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
_MOST_ENTRIES = 10_000
"""Entries of one answer that a server may send, whatever limit was asked for."""


class ConnectionBroken(Exception):
    """A server did not answer, or not in LDAP. The request that waited may have been executed."""


class Connection:
    """A connection for one caller, who bounds the waits.

    `may_have_changed`: a request that changes an entry was sent, and no certain "no" came back.
    """

    def __init__(self, url: str, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        self.url = url
        self.may_have_changed = False
        self._transport = transport
        self._reader = reader
        self._number = 0

    @classmethod
    async def open(cls, url: str, context: ssl.SSLContext) -> Self:
        """Connect with TLS, but for this machine. Raises ConnectionBroken, for a certificate that does not fit, too."""
        parts = urlsplit(url)
        host, is_tls = parts.hostname or "", parts.scheme == "ldaps"
        loop, port = asyncio.get_running_loop(), parts.port or (_TLS_PORT if is_tls else _PLAIN_PORT)
        reader, protocol = _stream()
        try:
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=context if is_tls else None)
        except (OSError, UnicodeError) as error:  # ssl.SSLError is one; UnicodeError is of a name that DNS cannot have
            raise ConnectionBroken(str(error)) from error
        connection = cls(url, transport, reader)
        try:
            if not is_tls and not is_plain_ldap(url):
                await connection._start_tls(context, host)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _start_tls(self, context: ssl.SSLContext, host: str) -> None:
        result = await self.ask(messages.extended(messages.START_TLS))
        if result.code != SUCCESS:
            raise ConnectionBroken(f"it refuses StartTLS: {result}")
        # A new stream: a byte that came before TLS began could be an attacker's (CVE-2011-0411).
        self._reader, protocol = _stream()
        try:
            loop = asyncio.get_running_loop()
            secured = await loop.start_tls(self._transport, protocol, context, server_hostname=host)
        except OSError as error:
            raise ConnectionBroken(str(error)) from error
        if secured is None:
            raise ConnectionBroken("the connection ended during StartTLS")
        protocol.connection_made(secured)
        self._transport = secured

    async def ask(self, operation: bytes, *controls: bytes, changes: bool = False) -> Result:
        """Send a request, which may change an entry, and return its answer. Raises ConnectionBroken."""
        if self._transport.is_closing() or self._reader.at_eof():
            raise ConnectionBroken("the connection has ended")
        self._number += 1
        self.may_have_changed = self.may_have_changed or changes
        self._transport.write(messages.request(self._number, operation, b"".join(controls)))
        entries: list[Entry] = []
        while True:
            number, answer = await self._next_answer()
            if isinstance(answer, Result) and number == 0:  # a notice of disconnection (RFC 4511 4.4.1)
                raise ConnectionBroken(f"the server ends the connection: {answer}")
            if number != self._number:
                raise ConnectionBroken("an answer to another request")
            if isinstance(answer, Result):
                if changes and answer.code in CERTAIN_NO:
                    self.may_have_changed = False
                return msgspec.structs.replace(answer, entries=tuple(entries))
            if answer is not None:
                entries.append(answer)
            if len(entries) > _MOST_ENTRIES:
                raise ConnectionBroken(f"more than {_MOST_ENTRIES:,} entries in an answer")

    async def _next_answer(self) -> tuple[int, Answer]:
        try:
            return messages.read_message(await messages.next_message(self._reader))
        except EOFError:
            raise ConnectionBroken("the server closed the connection") from None
        except (OSError, Malformed) as error:
            raise ConnectionBroken(str(error)) from error

    async def read(self, dn: str, *attributes: str) -> Entry:
        """Return the entry of that name; one without a name if it does not exist, or may not be seen."""
        wanted = messages.search(dn, messages.ANY, attributes, most=1, seconds=0, whole_tree=False)
        result = await self.ask(wanted)
        if result.code not in {SUCCESS, NO_SUCH_OBJECT, _INVALID_NAME}:
            raise ConnectionBroken(f"it refuses to read {dn}: {result}")
        return next(iter(result.entries), Entry("", {}))

    def close(self) -> None:
        """Say goodbye, which has no answer."""
        self._transport.write(messages.request(self._number + 1, bytes((messages.UNBIND, 0))))
        self._transport.abort()


def _stream() -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    reader = asyncio.StreamReader()
    return reader, asyncio.StreamReaderProtocol(reader)
