"""Limits in a process's own memory are right for one process: a second one is found out at its start."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select, text

from keyturn.database import Database
from keyturn.errors import Fault, SettingsInvalid

_NAME = "keyturn counts in memory"
_PATIENCE = 2
"""Seconds for giving a lock back; the server does it by itself where it hears nothing of us."""

_KEEPALIVE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
"""A machine that was switched off holds the lock for a minute, not for two hours."""


@asynccontextmanager
async def counting_alone(database: Database, storage_url: str) -> AsyncIterator[None]:
    """Hold a lock that no other process has which answers for this database and counts in memory.

    Nothing is held where `limits.storage_url` is written, be it as memory://. Raises SettingsInvalid where another
    process has the lock, DatabaseUnready. Where a lock is lost later, this process goes on: it was alone at its start.
    """
    if storage_url:
        yield
    elif database.is_sqlite:
        with _locked_beside(database.engine.url.database or ""):
            yield
    else:
        async with _locked_in(database):
            yield


@asynccontextmanager
async def _locked_in(database: Database) -> AsyncIterator[None]:
    async with database.connection() as connection:
        await connection.run_sync(lambda held: held.detach())  # its place in the pool is free for others
        try:
            for statement in _KEEPALIVE.split("; "):
                await connection.execute(text(statement))
            name = func.hashtextextended(f"{_NAME} {database.schema}", 0)
            if not (await connection.execute(select(func.pg_try_advisory_lock(name)))).scalar():
                raise _refusal()
            yield
        finally:
            with contextlib.suppress(Exception):  # a connection that is lost has given the lock back
                async with asyncio.timeout(_PATIENCE):
                    await connection.invalidate()


@contextlib.contextmanager
def _locked_beside(file: str) -> Iterator[None]:
    if file in {"", ":memory:"} or sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not to be had on Windows

    # A file of its own: closing any descriptor of the database's would give SQLite's own locks away
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
