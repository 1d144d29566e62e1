"""Connections to the servers of a directory: which server is asked, and for how long."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.messages import Answer, Entry, Malformed, Result
from keyturn.service.clock import monotonic
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings, is_plain_ldap
from keyturn.service.telemetry.logs import LogEvent, log

_NO_SUCH_OBJECT, _INVALID_NAME, _WRONG_PASSWORD = 32, 34, 49
_PLAIN_PORT, _TLS_PORT = 389, 636
_MOST_ENTRIES = 10_000  # entries of one answer: a server may ignore the limit of the request


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
        host, is_tls = parts.hostname or "", parts.scheme == "ldaps"
        loop, port = (
            asyncio.get_running_loop(),
            parts.port or (_TLS_PORT if is_tls else _PLAIN_PORT),
        )
        reader, protocol = _stream()
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, host, port, ssl=context if is_tls else None
            )
        # ssl.SSLError is an OSError. UnicodeError: the host is not a possible name in the DNS.
        except (OSError, UnicodeError) as error:
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
        if result.code != messages.SUCCESS:
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
        """Send a request, which may change an entry, and return its answer.

        Raises ConnectionBroken.
        """
        if self._transport.is_closing() or self._reader.at_eof():
            raise ConnectionBroken("the connection has ended")
        self._number += 1
        self.may_have_changed = self.may_have_changed or changes
        self._transport.write(messages.request(self._number, operation, b"".join(controls)))
        entries: list[Entry] = []
        while True:
            number, answer = await self._next_answer()
            # A notice of disconnection has the number 0 (RFC 4511 4.4.1).
            if isinstance(answer, Result) and number == 0:
                raise ConnectionBroken(f"the server ends the connection: {answer}")
            if number != self._number:
                raise ConnectionBroken("an answer to another request")
            if isinstance(answer, Result):
                if changes and answer.code in messages.CERTAIN_NO:
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
        """Return the entry with that name.

        If it does not exist or may not be read, the returned entry has an empty `dn`.
        """
        wanted = messages.search(dn, messages.ANY, attributes, most=1, seconds=0, whole_tree=False)
        result = await self.ask(wanted)
        if result.code not in {messages.SUCCESS, _NO_SUCH_OBJECT, _INVALID_NAME}:
            raise ConnectionBroken(f"it refuses to read {dn}: {result}")
        return next(iter(result.entries), Entry("", {}))

    def close(self) -> None:
        self._transport.write(messages.request(self._number + 1, bytes((messages.UNBIND, 0))))
        self._transport.abort()


def _stream() -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    reader = asyncio.StreamReader()
    return reader, asyncio.StreamReaderProtocol(reader)


T = TypeVar("T")
Job = Callable[[Connection], Awaitable[T]]

WHOLE = 30.0
"""Seconds for one job, including the wait for a place and all servers: less than a delivery may
take (`LONGEST_TRY`).
"""

_REMEMBERED = 30.0
"""Seconds without another bind after a refused one.

Health probes ask every few seconds. The directory would count each bind as a wrong guess, and lock
the service account.
"""


class BindRefused(AccountsUnready):
    """A server refuses the service account's name or its password.

    `setting`: the setting to correct.
    """

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(reason, not_changed=True)
        self.setting = setting


PATIENCE = 5.0
"""Seconds for one server, from connecting to its last answer. A user waits for it."""

CONNECTIONS = 4  # of a process at a time: directories limit the connections of a client


class Directory:
    """Runs jobs, a few at a time, each over a connection of its own for the service account.

    One server gets all jobs until it fails: a change that was written there can be read there,
    before the other servers have it.
    """

    def __init__(
        self, settings: LdapSettings, connections: int = CONNECTIONS, patience: float = PATIENCE
    ) -> None:
        self._settings = settings
        self.patience = patience
        self._current = 0
        # The system's authorities, or those in SSL_CERT_FILE. The context also checks the server's
        # name (RFC 4513 3.1.3; BCP 195).
        self._context = ssl.create_default_context()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._refused: BindRefused | None = None
        self._refused_until = 0.0
        self._connections = connections
        self.close()

    async def work(self, job: Job[T]) -> T:
        """Run a job.

        Raises AccountsUnready, with `not_changed` unless a request may have changed an entry. The
        errors of the job pass through.
        """
        used: list[Connection] = []
        try:
            async with asyncio.timeout(WHOLE), self._places:
                return await self._try_servers(job, used)
        except TimeoutError:
            not_changed = not any(connection.may_have_changed for connection in used)
            raise AccountsUnready(
                f"no answer from the directory within {WHOLE:g} s", not_changed=not_changed
            ) from None

    async def _try_servers(self, job: Job[T], used: list[Connection]) -> T:
        servers, reason = self._settings.servers, ""
        for _ in servers:
            url = servers[self._current]
            try:
                async with asyncio.timeout(self.patience):
                    return await self._run(job, url, used)
            except (ConnectionBroken, TimeoutError) as error:
                reason = (
                    f"{url}: {error}"
                    if str(error)
                    else f"{url}: no answer within {self.patience:g} s"
                )
            if any(connection.may_have_changed for connection in used):
                raise AccountsUnready(f"no answer to a change; {reason}")
            if url == servers[self._current]:  # another job may have left this server already
                log.warning(LogEvent("accounts.server_lost", reason=reason))
                self._current = (self._current + 1) % len(servers)
        raise AccountsUnready(f"the directory cannot be reached; {reason}", not_changed=True)

    async def _run(self, job: Job[T], url: str, used: list[Connection]) -> T:
        if self._refused and monotonic() < self._refused_until:
            raise BindRefused(self._refused.setting, str(self._refused))
        connection = await Connection.open(url, self._context)
        used.append(connection)
        try:
            await self._bind_service(connection)
            return await job(connection)
        finally:
            connection.close()

    async def _bind_service(self, connection: Connection) -> None:
        result = await connection.ask(
            messages.bind(self._settings.bind_dn, self._settings.bind_password)
        )
        if result.code in {_INVALID_NAME, _WRONG_PASSWORD}:
            # No other server is asked: each counts the failure, until the account is locked.
            log.error(
                LogEvent("accounts.bind_refused", server=connection.url, reason=result.message)
            )
            is_name = result.code == _INVALID_NAME
            setting, names = (
                ("bind_dn",) * 2 if is_name else ("bind_password", "bind_dn and bind_password")
            )
            self._refused = BindRefused(
                f"accounts.ldap.{setting}", f"{connection.url} refuses {names}: {result}"
            )
            self._refused_until = monotonic() + _REMEMBERED
            raise self._refused
        if result.code != messages.SUCCESS:
            raise ConnectionBroken(f"it refuses the bind: {result}")

    def close(self) -> None:
        # The next job may run in another event loop.
        self._places = asyncio.Semaphore(self._connections)
