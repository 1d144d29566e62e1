"""The servers of a directory: which of them is asked, and for how long."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import Connection, ConnectionBroken
from keyturn.service.accounts.ldap.messages import Result, ResultCode
from keyturn.service.clock import monotonic
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

_LONGEST_JOB = 30.0
"""Seconds for one job, including the wait for a slot and all servers: less than a delivery may
take (`LONGEST_TRY`).
"""

_PATIENCE = 5.0
"""Seconds for one server, from connecting to its last answer. A user waits for it."""

_CONNECTIONS = 4  # of a process at a time: directories limit the connections of a client

_REFUSAL_KEPT = 30.0
"""Seconds without another bind after a refused one.

Health probes ask every few seconds. The directory would count each bind as a wrong guess, and lock
the service account.
"""

T = TypeVar("T")
Job = Callable[[Connection], Awaitable[T]]


class BindRefused(AccountsUnready):
    """A server refuses the service account's name or its password.

    `setting`: the setting to correct.
    """

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(reason, not_changed=True)
        self.setting = setting


class Directory:
    """Runs jobs, a few at a time, each over a connection of its own for the service account.

    One server gets all jobs until it fails: a change that was written there can be read there,
    before the other servers have it.
    """

    def __init__(
        self,
        settings: LdapSettings,
        connections: int = _CONNECTIONS,
        patience: float = _PATIENCE,
        longest_job: float = _LONGEST_JOB,
    ) -> None:
        self._settings = settings
        self.patience = patience
        self._longest_job = longest_job
        self._current = 0
        # The system's authorities, or those in SSL_CERT_FILE. The context also checks the server's
        # name (RFC 4513 3.1.3; BCP 195).
        self._context = ssl.create_default_context()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._refused: BindRefused | None = None
        self._refused_until = 0.0
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)

    async def work(self, job: Job[T]) -> T:
        """Run a job.

        Raises AccountsUnready, with `not_changed` unless a request may have changed an entry. The
        errors of the job pass through.
        """
        used: list[Connection] = []
        try:
            async with asyncio.timeout(self._longest_job), self._slots:
                return await self._try_servers(job, used)
        except TimeoutError:
            reason = f"no answer from the directory within {self._longest_job:g} s"
            raise AccountsUnready(reason, not_changed=not _may_have_changed(used)) from None

    async def _try_servers(self, job: Job[T], used: list[Connection]) -> T:
        servers = self._settings.servers
        reason = ""
        for _ in servers:
            url = servers[self._current]
            try:
                async with asyncio.timeout(self.patience):
                    return await self._run(job, url, used)
            except (ConnectionBroken, TimeoutError) as error:
                why = str(error) or f"no answer within {self.patience:g} s"
                reason = f"{url}: {why}"
            if _may_have_changed(used):
                # No other server is asked: this one may have made the change.
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
        bind = messages.bind(self._settings.bind_dn, self._settings.bind_password)
        result = await connection.ask(bind)
        if result.code in {ResultCode.INVALID_DN_SYNTAX, ResultCode.INVALID_CREDENTIALS}:
            # No other server is asked: each counts the failure, until the account is locked.
            log.error(
                LogEvent("accounts.bind_refused", server=connection.url, reason=result.message)
            )
            self._refused = _refused_bind(connection.url, result)
            self._refused_until = monotonic() + _REFUSAL_KEPT
            raise self._refused
        if result.code != ResultCode.SUCCESS:
            raise ConnectionBroken(f"it refuses the bind: {result}")

    def close(self) -> None:
        # The next job may run in another event loop.
        self._slots = asyncio.Semaphore(self._connections)


def _may_have_changed(used: list[Connection]) -> bool:
    return any(connection.may_have_changed for connection in used)


def _refused_bind(url: str, result: Result) -> BindRefused:
    if result.code == ResultCode.INVALID_DN_SYNTAX:
        return BindRefused("accounts.ldap.bind_dn", f"{url} refuses bind_dn: {result}")
    reason = f"{url} refuses bind_dn and bind_password: {result}"
    return BindRefused("accounts.ldap.bind_password", reason)
