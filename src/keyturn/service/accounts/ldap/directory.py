"""The servers of a directory: which one is asked, over which connection, and for how long."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import SUCCESS, Connection, ConnectionBroken
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

T = TypeVar("T")
Job = Callable[[Connection], Awaitable[T]]

WHOLE = 30.0
"""Seconds that a call takes at most with all its servers and the wait for a place: less than a message's lease."""

_INVALID_NAME, _WRONG_PASSWORD = 34, 49

_REMEMBERED = 30.0
"""Seconds without another bind after a refused one. Probes ask every few, and each bind would count as a guess."""


class BindRefused(AccountsUnready):
    """A server knows the service account by another password, or not at all. `setting`: the one to correct."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(reason, not_changed=True)
        self.setting = setting


PATIENCE = 5.0
"""Seconds for one server, from connecting to its last answer, because a user waits for it."""

CONNECTIONS = 4
"""Connections of a process at a time: each call takes milliseconds, and directories bound what one client may hold."""


class Directory:
    """Runs jobs, a few at a time, each over a connection of its own for the service account.

    One server answers until it fails, then the next one does: what was written there can be read there, however long
    other servers take to learn it. Other processes may ask another server.
    """

    def __init__(self, settings: LdapSettings, connections: int = CONNECTIONS, patience: float = PATIENCE) -> None:
        self._settings = settings
        self.patience = patience
        self._current = 0
        # The system's authorities, or those in SSL_CERT_FILE; names are checked, too (RFC 4513 3.1.3; BCP 195).
        self._context = ssl.create_default_context()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._refused: BindRefused | None = None
        self._refused_until = 0.0
        self._connections = connections
        self.close()

    async def work(self, job: Job[T]) -> T:
        """Run a job with a connection to the first server that answers, from the current one on.

        Raises AccountsUnready, with `not_changed` if no request was sent that changes an entry.
        """
        used: list[Connection] = []
        try:
            async with asyncio.timeout(WHOLE), self._places:
                return await self._try_servers(job, used)
        except TimeoutError:
            not_changed = not any(connection.may_have_changed for connection in used)
            raise AccountsUnready(f"no answer from the directory within {WHOLE:g} s", not_changed=not_changed) from None

    async def _try_servers(self, job: Job[T], used: list[Connection]) -> T:
        servers, reason = self._settings.servers, ""
        for _ in servers:
            url = servers[self._current]
            try:
                async with asyncio.timeout(self.patience):
                    return await self._run(job, url, used)
            except (ConnectionBroken, TimeoutError) as error:
                reason = f"{url}: {error}" if str(error) else f"{url}: no answer within {self.patience:g} s"
            if any(connection.may_have_changed for connection in used):
                raise AccountsUnready(f"no answer to a change; {reason}")
            if url == servers[self._current]:  # others may have left it meanwhile
                log.warning(LogEvent("accounts.server_lost", reason=reason))
                self._current = (self._current + 1) % len(servers)
        raise AccountsUnready(f"the directory cannot be reached; {reason}", not_changed=True)

    async def _run(self, job: Job[T], url: str, used: list[Connection]) -> T:
        if self._refused and time.monotonic() < self._refused_until:
            raise BindRefused(self._refused.setting, str(self._refused))
        connection = await Connection.open(url, self._context)
        used.append(connection)
        try:
            await self._bind_service(connection)
            return await job(connection)
        finally:
            connection.close()

    async def _bind_service(self, connection: Connection) -> None:
        result = await connection.ask(messages.bind(self._settings.bind_dn, self._settings.bind_password))
        if result.code in {_INVALID_NAME, _WRONG_PASSWORD}:
            # No other server is asked: each would count a failure, until the account is locked.
            log.error(LogEvent("accounts.bind_refused", server=connection.url, reason=result.message))
            is_name = result.code == _INVALID_NAME
            setting, names = ("bind_dn",) * 2 if is_name else ("bind_password", "bind_dn and bind_password")
            self._refused = BindRefused(f"accounts.ldap.{setting}", f"{connection.url} refuses {names}: {result}")
            self._refused_until = time.monotonic() + _REMEMBERED
            raise self._refused
        if result.code != SUCCESS:
            raise ConnectionBroken(f"it refuses the bind: {result}")

    def close(self) -> None:
        """Forget who waits: the next call may come from another event loop."""
        self._places = asyncio.Semaphore(self._connections)
