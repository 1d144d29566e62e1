"""Connects to the app's database if it is not Keyturn's own. Only its rows are changed."""

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
from keyturn.service.database.database import DatabaseAccess
from keyturn.service.database.servers import ServerConnections, open_engine
from keyturn.service.database.sqlite import PATIENCE as PATIENCE_WITH_A_FILE
from keyturn.service.database.sqlite import SqliteConnections
from keyturn.service.database.unready import describe_url
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url

_CONNECTIONS = 5
"""Connections to a server at a time."""

PATIENCE = timedelta(seconds=10)
"""Time for all statements of a call together: the server may be gone, or the app may hold a lock."""


class AppDatabase(DatabaseAccess):
    """The app's database. `where`: its address in words, without user and password.

    All methods raise AccountsUnready, also if they take longer than `patience`. The time is kept on this side:
    PgBouncer refuses a connection that asks for time-outs, and an unreachable server keeps none. If the app has locked
    a file, a call waits for half a minute.
    """

    def __init__(self, url: str, patience: timedelta = PATIENCE) -> None:
        read, seconds = read_url(url, "accounts.table.url"), patience.total_seconds()
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
        # A driver's message may name the user, never the password. It is for logs and the command line: a client is not
        # told the reason of a 503.
        reason = str(error).replace("the database", "the database of the accounts", 1)
        raise AccountsUnready(reason, not_changed=error.not_committed) from error.__cause__


def _open_file(read: DatabaseUrl) -> SqliteConnections:
    if not read.url.database:
        raise SettingsInvalid.of("accounts.table.url", "must name a file")
    # "rw": a mistyped name must not become a new and empty database (https://sqlite.org/uri.html).
    file = read.url.set(database=f"file:{quote(str(Path(read.url.database).absolute()))}")
    url = file.update_query_dict({"mode": "rw", "uri": "true"})
    return SqliteConnections(url, _look_at_file_first)


def _open_pool(read: DatabaseUrl, seconds: float) -> ServerConnections:
    # One dialect for MySQL and MariaDB: the statements used here are the same.
    read = msgspec.structs.replace(read, url=read.url.set(drivername=read.url.drivername.replace("mariadb", "mysql")))
    extra = "mysql" if read.kind == "mysql" else "postgres"
    engine = open_engine(read, "accounts.table.url", extra, seconds=seconds, pool_size=_CONNECTIONS)
    return ServerConnections(engine, engine.execution_options(isolation_level="AUTOCOMMIT"))


def _look_at_file_first(engine: Engine) -> None:
    """Make a connection report which file is missing, which SQLite does not."""
    path = Path(unquote(str(engine.url.database).removeprefix("file:")))

    @event.listens_for(engine, "do_connect")
    def look(*_: Any) -> None:
        try:
            path.stat()
        except FileNotFoundError:
            for framework, folder in (("Flask", "instance"), ("Prisma 6", "prisma")):
                if path.is_relative_to(Path.cwd()) and (its := folder / path.relative_to(Path.cwd())).is_file():
                    message = f"No such file; {framework} keeps it in the folder {folder}: write sqlite:///{its}"
                    raise FileNotFoundError(message) from None
            raise
