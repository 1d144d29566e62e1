"""The app's database, if it is not Keyturn's own, and a table in it as it was read.

Keyturn changes rows there, and never a table.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

import msgspec
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.service.database import Database, unready_where_unreachable
from keyturn.service.database.connections import PATIENCE as PATIENCE_WITH_A_FILE
from keyturn.service.database.connections import ServerConnections, SqliteConnections, open_engine
from keyturn.service.database.database import DatabaseAccess
from keyturn.service.database.unready import (
    describe_error,
    describe_url,
    is_about_a_value,
    is_by_a_rule,
    is_refusal,
)
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url
from keyturn.service.telemetry.logs import LogEvent, log

_CONNECTIONS = 5  # to a server at a time

PATIENCE = timedelta(seconds=10)
"""Time for all statements of a call to a server: it may be gone, or the app may hold a lock."""


class AppDatabase(DatabaseAccess):
    """The app's database.

    `where`: its address in words, without user and password.

    All methods raise AccountsUnready if a server does not answer within `patience`, or if a file
    stays locked for `connections.PATIENCE`. The time is measured here, since PgBouncer refuses a
    server's own time-outs.
    """

    def __init__(self, url: str, patience: timedelta = PATIENCE) -> None:
        read = read_url(url, "accounts.table.url")
        seconds = patience.total_seconds()
        self.where = describe_url(read.url)
        unready = partial(_accounts_unready, self.where)
        if read.kind == "sqlite":
            super().__init__(_open_file(read), PATIENCE_WITH_A_FILE, unready)
        else:
            super().__init__(_open_pool(read, seconds), seconds, unready)


@contextmanager
def _accounts_unready(place: str) -> Iterator[None]:
    try:
        with unready_where_unreachable(place):
            yield
    except DatabaseUnready as error:
        # A driver's message may name the user, but never the password. The answer of 503 does not
        # show the reason to clients.
        reason = str(error).replace("the database", "the database of the accounts", 1)
        raise AccountsUnready(reason, not_changed=error.not_changed) from error.__cause__


def _open_file(read: DatabaseUrl) -> SqliteConnections:
    if not read.url.database:
        raise SettingsInvalid.of("accounts.table.url", "must name a file")
    # "rw": a mistyped name must not become a new and empty database (https://sqlite.org/uri.html).
    file = read.url.set(database=f"file:{quote(str(Path(read.url.database).absolute()))}")
    url = file.update_query_dict({"mode": "rw", "uri": "true"})
    return SqliteConnections(url, _prepare_connections)


def _open_pool(read: DatabaseUrl, seconds: float) -> ServerConnections:
    # One dialect for MySQL and MariaDB: the statements used here are the same.
    driver = read.url.drivername.replace("mariadb", "mysql")
    read = msgspec.structs.replace(read, url=read.url.set(drivername=driver))
    extra = "mysql" if read.kind == "mysql" else "postgres"
    engine = open_engine(read, "accounts.table.url", extra, seconds=seconds, pool_size=_CONNECTIONS)
    return ServerConnections(engine, engine.execution_options(isolation_level="AUTOCOMMIT"))


def _prepare_connections(engine: Engine) -> None:
    path = Path(unquote(str(engine.url.database).removeprefix("file:")))

    @event.listens_for(engine, "do_connect")
    def look(*_: Any) -> None:
        try:
            path.stat()
        except FileNotFoundError:
            instead = _file_of_framework(path)
            if instead:
                raise FileNotFoundError(f"No such file; {instead}") from None
            raise

    @event.listens_for(engine, "connect")
    def keep_foreign_keys(connection: Any, _: object) -> None:
        # SQLite enforces foreign keys only on connections that ask for it
        # (https://sqlite.org/foreignkeys.html#fk_enable). Those of Django, Rails, Laravel and
        # Prisma do. Without this, a deletion here would leave rows that refer to nothing.
        connection.execute("PRAGMA foreign_keys = ON")


def _file_of_framework(missing: Path) -> str:
    """Return where a framework keeps the file of a relative URL; "" if it is not there either."""
    if not missing.is_relative_to(Path.cwd()):
        return ""
    relative = missing.relative_to(Path.cwd())
    for framework, folder in (("Flask", "instance"), ("Prisma 6", "prisma")):
        file = folder / relative
        if file.is_file():
            return f"{framework} keeps it in the folder {folder}: write sqlite:///{file}"
    return ""


_Reading = TypeVar("_Reading")
_Result = TypeVar("_Result")

TableWork = Callable[[Connection, _Reading], _Result]


class ValueRefused(AccountsUnready):
    """A column, or its database, cannot hold a value of the statement: no row has that value."""


class RuleRefused(AccountsUnready):
    """A constraint or a trigger of the app refuses the statement, and would refuse a retry."""


class KnownTable(Generic[_Reading]):
    """A table whose columns were read once, by `read`.

    If the database refuses a statement, the app has perhaps changed the table, so the columns are
    read again.

    Each method but `require_ready` raises AccountsUnready if the table does not match the settings,
    since callers cannot correct them.
    """

    def __init__(
        self, place: Database | AppDatabase, name: str, read: Callable[[Connection], _Reading]
    ) -> None:
        self.place = place
        self._name = name
        self._read = read
        self._reading: _Reading | None = None

    async def require_ready(self) -> _Reading:
        """Read the columns again.

        Raises SettingsInvalid if the table does not match the settings.
        """
        self._reading = None  # an outdated reading must not be used if this one fails
        reading = await self.place.read(self._read)
        self._reading = reading
        return reading

    async def now(self) -> _Reading:
        try:
            return self._reading or await self.require_ready()
        except SettingsInvalid as invalid:
            faults = "; ".join(map(str, invalid.faults))
            log.error(LogEvent("accounts.changed", table=self._name, reason=faults))
            raise AccountsUnready(
                f"the table of the accounts does not match the settings: {faults}"
            ) from None

    async def read(self, work: TableWork[_Reading, _Result]) -> _Result:
        """Run work that changes nothing.

        Raises ValueRefused if no row can have a value of the statement; the columns stay known.
        """

        def look(connection: Connection, reading: _Reading) -> _Result:
            try:
                return work(connection, reading)
            except DBAPIError as error:
                if is_about_a_value(error):
                    raise ValueRefused(describe_error(error.orig or error)) from None
                raise

        return await self.place.read(partial(self._run, look, await self.now()))

    async def transact(self, work: TableWork[_Reading, _Result]) -> _Result:
        return await self.place.transact(partial(self._run, work, await self.now()))

    def within(self, connection: Connection, work: TableWork[_Reading, _Result]) -> _Result:
        """Run work in the caller's transaction, with the columns as they were read before it."""
        reading = self._reading
        if reading is None:  # a statement was refused since
            raise AccountsUnready(
                "the table of the accounts has refused a statement", not_changed=True
            )
        return self._run(work, reading, connection)

    def _run(
        self, work: TableWork[_Reading, _Result], reading: _Reading, connection: Connection
    ) -> _Result:
        """Run work with the columns of a reading.

        Raises AccountsUnready if the database refuses a statement: otherwise the refusal would
        count as an outage of the database.
        """
        try:
            return work(connection, reading)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            # The first line alone: further lines may hold the row, with its hash.
            cause = describe_error(error.orig or error)
            log.error(LogEvent("accounts.refused", table=self._name, reason=cause))
            reason = f"the database of the accounts refused a statement: {cause}"
            if is_by_a_rule(error):
                raise RuleRefused(reason, not_changed=True) from None
            self._reading = None
            raise AccountsUnready(reason) from None

    async def close(self) -> None:
        if isinstance(self.place, AppDatabase):  # Keyturn's own has another owner
            await self.place.close()
