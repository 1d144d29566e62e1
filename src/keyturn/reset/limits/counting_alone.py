"""Ensures that only one process counts limits in its own memory: a second process is refused at its start."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import ColumnElement, func, literal, select, text

from keyturn.database import Database, unready_where_unreachable
from keyturn.errors import Fault, SettingsInvalid

_NAME = "keyturn counts in memory"
_PATIENCE = 2
"""Seconds to release a lock; the server releases it by itself if the connection is silent."""

_SECONDS_TO_LOCK = 10
"""Seconds for a connection and the lock at the start; if another process has the lock, the start fails at once."""

_FOR_LONG = (
    "SET LOCAL tcp_keepalives_idle = 30",
    "SET LOCAL tcp_keepalives_interval = 10",
    "SET LOCAL tcp_keepalives_count = 3",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
"""A machine that was switched off holds the lock for a minute, not for two hours. A running machine keeps it."""


@asynccontextmanager
async def counting_alone(database: Database, storage_url: str) -> AsyncIterator[None]:
    """Hold the lock of the one process that answers for this database and counts in memory.

    If `limits.storage_url` is set, even to memory://, there is no lock. Raises SettingsInvalid if another process has
    the lock, DatabaseUnready. If the lock is lost later, this process goes on: it was alone at its start.
    """
    if storage_url:
        yield
    elif database.is_sqlite:
        with _locked_beside(database.url.database or ""):
            yield
    else:
        async with _locked_in(database):
            yield


@asynccontextmanager
async def _locked_in(database: Database) -> AsyncIterator[None]:
    """Hold a transaction's lock. A session's lock would stay with a pooler's connection, which outlives this process.

    The server's vacuum does not wait for a transaction that has no snapshot and has written nothing.
    """
    connection = database.engine.connect()
    try:
        with unready_where_unreachable(database.where):
            async with asyncio.timeout(_SECONDS_TO_LOCK):
                await connection.start()
                await connection.execution_options(isolation_level="READ COMMITTED")
                await connection.run_sync(lambda held: held.detach())  # frees its place in the pool
                lock = select(func.pg_try_advisory_xact_lock(_lock_of(database)))
                is_alone = (await connection.execute(lock)).scalar()
                for statement in _FOR_LONG:  # after the lock: a query keeps its snapshot until the next statement
                    await connection.execute(text(statement))
        if not is_alone:
            raise _refusal()
        yield
    finally:
        for end in (connection.close, connection.invalidate):
            with contextlib.suppress(Exception):  # a lost connection has released the lock
                async with asyncio.timeout(_PATIENCE):
                    await end()
                break


def _lock_of(database: Database) -> ColumnElement[int]:
    """Return the number of the lock. Each schema has its own, including a schema that the address names."""
    schema = func.coalesce(database.schema or func.nullif(func.current_schema(), "public"), "")
    return func.hashtextextended(literal(f"{_NAME} ").concat(schema), 0)


@contextlib.contextmanager
def _locked_beside(file: str) -> Iterator[None]:
    if file in {"", ":memory:"} or sys.platform == "win32":
        yield
        return
    import fcntl  # unavailable on Windows

    # A separate file: closing any descriptor of the database file would release SQLite's own locks
    # (https://sqlite.org/howtocorrupt.html, 2.2).
    descriptor = os.open(f"{file}-limits", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise _refusal() from None
    try:
        yield
    finally:
        os.close(descriptor)


def _refusal() -> SettingsInvalid:
    return SettingsInvalid(
        [
            Fault(
                "limits.storage_url",
                "another process answers for this database, and each counts in its own memory: set redis://host:6379/0 "
                "for both, or memory:// where everybody may ask as many times as often",
            )
        ]
    )
