"""Another database than Keyturn's own: the app's, which is left as it is but for the rows that change."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from keyturn.database import unready_where_unreachable
from keyturn.errors import AccountsUnready, DatabaseUnready, Fault, SettingsInvalid

_DRIVERS = {
    "sqlite": ("sqlite+aiosqlite", ""),
    "postgresql": ("postgresql+asyncpg", "postgres"),
    "postgres": ("postgresql+asyncpg", "postgres"),
    "mysql": ("mysql+aiomysql", "mysql"),
    "mariadb": ("mysql+aiomysql", "mysql"),
}
"""The driver for each, whatever the app's own is, and the extra that brings it."""

_OF_OTHER_CLIENTS = ("channel_binding", "connection_limit", "pgbouncer", "pool_timeout", "schema", "sslaccept")
"""Parameters that libpq and Prisma read in the address of a database; ours refuse what they do not know."""

_PATIENCE = 30
"""Seconds until a locked SQLite file is given up."""

_CONNECTING = 10
"""Seconds until a server that does not answer is."""


class Elsewhere:
    """Reads, and transactions that the caller commits by name, as `Database` has them; it raises AccountsUnready."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._session = async_sessionmaker(self.engine)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with _accounts_unready():
            async with self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        with _accounts_unready():
            async with self._session() as session:
                yield session

    async def close(self) -> None:
        await self.engine.dispose()


@contextmanager
def _accounts_unready() -> Iterator[None]:
    try:
        with unready_where_unreachable():
            yield
    except DatabaseUnready as error:
        # What the driver says may name users and hosts; it stays in the cause, for the log.
        raise AccountsUnready("the database of the accounts cannot be reached") from error.__cause__


def _engine(url: str) -> AsyncEngine:
    try:
        given = make_url(url)
    except ArgumentError:  # its text holds the address, password included
        raise _fault("not a database address") from None
    backend = given.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        raise _fault("must begin with sqlite://, postgresql://, mysql:// or mariadb://")
    driver, extra = _DRIVERS[backend]
    address = given.set(drivername=driver).difference_update_query(_OF_OTHER_CLIENTS)
    try:
        engine = create_async_engine(hide_parameters=True, pool_size=5, max_overflow=0, **_options(address, driver))
    except ModuleNotFoundError:
        raise _fault(f"{backend} needs: pip install keyturn[{extra}]") from None
    if driver.startswith("sqlite"):
        event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _options(address: URL, driver: str) -> dict[str, Any]:
    if driver == "sqlite+aiosqlite":
        if not address.database or address.database == ":memory:":
            raise _fault("names no file")
        # "rw": a mistyped name must not become a new and empty database (https://sqlite.org/uri.html).
        file = address.set(database=f"file:{quote(str(Path(address.database).absolute()))}")
        arguments = {"timeout": _PATIENCE, "isolation_level": None}
        return {"url": file.update_query_dict({"mode": "rw", "uri": "true"}), "connect_args": arguments}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if driver == "postgresql+asyncpg":
        if mode := address.query.get("sslmode"):  # libpq's name for what asyncpg calls ssl
            address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": str(mode)})
        return options | {"url": address, "connect_args": {"timeout": _CONNECTING}}
    # TIMESTAMP is read and written in the zone of the connection, and what is written here is UTC.
    session = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
    return options | {"url": address, "connect_args": {"connect_timeout": _CONNECTING, **session}}


def _begin(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # as in `database`: the lock first, and no failure half way


def _fault(message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault("accounts.table.url", message)])
