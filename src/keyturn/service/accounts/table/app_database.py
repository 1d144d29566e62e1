"""The app's database, if it is not Keyturn's own. Keyturn changes rows there, and never a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from sqlalchemy import Engine, event

from keyturn.errors import SettingsInvalid
from keyturn.service.database import unready_where_unreachable
from keyturn.service.database.connections import (
    PATIENCE,
    ServerConnections,
    SqliteConnections,
    open_engine,
)
from keyturn.service.database.database import DatabaseAccess
from keyturn.service.database.unready import describe_url
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url

_CONNECTIONS = 5  # to a server at a time

_PATIENCE_WITH_SERVER = 10.0
"""Seconds for all statements of a call to a server: it may be gone, or the app may hold a lock."""


class AppDatabase(DatabaseAccess):
    """The app's database.

    `where`: its address in words, without user and password.
    """

    def __init__(self, url: str, patience: timedelta | None = None) -> None:
        """Read the URL. The first call connects.

        `patience`: how long a caller waits, counted from its arrival, before it gets
        AccountsUnready: by default 10 seconds for a server, and `connections.PATIENCE` for a file,
        which another process may have locked. The time is measured here, since PgBouncer refuses a
        server's own time-outs.

        Raises SettingsInvalid if the URL is not valid.
        """
        read = read_url(url, "accounts.table.url")
        self.where = describe_url(read.url)
        unready = partial(_accounts_unready, self.where)
        if read.kind == "sqlite":
            seconds = patience.total_seconds() if patience else PATIENCE
            super().__init__(_open_file(read), seconds, unready)
        else:
            seconds = patience.total_seconds() if patience else _PATIENCE_WITH_SERVER
            super().__init__(_open_pool(read, seconds), seconds, unready)


@contextmanager
def _accounts_unready(where: str) -> Iterator[None]:
    try:
        with unready_where_unreachable(where):
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
