"""Migrates the database to the newest revision, and checks its revision."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from io import StringIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Column, Connection, MetaData, NullPool, String, Table, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from keyturn.packaging import folder
from keyturn.service.database import Database, Model, unready_where_unreachable
from keyturn.service.database.migration_progress import Progress
from keyturn.service.problems.requests import DatabaseUnready

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "keyturn_migrations"
"""Keyturn's own table, so that its migrations and an app's do not mix in one database."""

_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""As Alembic makes it."""

NO_TABLES = "does not have Keyturn's tables yet"
"""The description of a database that was never migrated."""


def head() -> str:
    """Return the newest revision."""
    return _revisions()[-1]


@cache
def _revisions() -> Sequence[str]:
    """Return all revisions, oldest first. A file's name begins with its own, so Alembic need not be imported."""
    files = (folder("migrations") / "versions").glob("[0-9]*.py")
    return sorted(file.stem.split("_")[0] for file in files)


async def require_current(database: Database, *, command: str = "keyturn") -> str:
    """Return the database's revision. Raises DatabaseUnready unless it answers and this program can work with it.

    `command`: the program whose `migrate` updates this database. A database that is ahead still works: during a
    rollout, a newer program has migrated it, and migrations expand first and contract a release later. All columns
    that the statements here name must still exist; otherwise the program is too old.
    """
    found = await revision(database)
    if found == head():
        return found
    if found and is_ahead(found):
        if missing := await _missing_columns(database):
            raise DatabaseUnready(f"{ahead_text(found)}, and no longer has {missing}: install that version")
        return found
    where = f"schema {database.schema}" if database.schema else "database"
    state = f"is at revision {found}, not {head()}" if found else NO_TABLES
    raise DatabaseUnready(f"the {where} {state}: run `{command} migrate`")


def is_ahead(found: str) -> bool:
    """Tell whether a database's revision is newer than all that this program knows: their names sort by age."""
    return found > head()


def ahead_text(found: str) -> str:
    return f"the database is at revision {found}, newer than {head()} of this version of Keyturn"


async def _missing_columns(database: Database) -> str:
    """Return the missing columns of this program's tables, as "table.column", comma-separated."""
    tables = Model.metadata.tables
    needed = {(name, column.name) for name, table in tables.items() for column in table.columns}

    def existing(connection: Connection) -> set[tuple[str, str]]:
        columns_of = inspect(connection).get_multi_columns(schema=database.schema or None, filter_names=list(tables))
        return {(name, column["name"]) for (_, name), columns in columns_of.items() for column in columns}

    return ", ".join(map(".".join, sorted(needed - await database.read(existing))))


class SchemaMissing(DatabaseUnready):
    """No schema of the connection's search path exists, so tables cannot exist either."""


async def revision(database: Database) -> str | None:
    """Return the revision of the database; None if it was never migrated.

    Raises DatabaseUnready if the revision cannot be read: an unreadable table is not a missing one. SchemaMissing is a
    kind of it.
    """

    def find(connection: Connection) -> str | None:
        try:
            found = connection.execute(select(_VERSIONS.c.version_num)).scalar()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # There is no such table, or no such schema (PostgreSQL's manual, appendix A).
            if getattr(error.orig, "sqlstate", "") not in {"42P01", "3F000"} and "no such table" not in str(error.orig):
                raise DatabaseUnready(f"the revision of the database cannot be read: {_reason(error)}") from error
            if not database.is_sqlite and not database.schema and (missing := missing_schema(connection)):
                raise SchemaMissing(missing) from None
            return None
        return str(found or "") or None

    return await database.read(find)


def missing_schema(connection: Connection) -> str:
    """Return a sentence if no schema of the connection's PostgreSQL search path exists, else ""."""
    schema, path = connection.execute(text("SELECT current_schema(), current_setting('search_path')")).one()
    return "" if schema else f"the database has no schema {path}"


class Step(msgspec.Struct, frozen=True):
    """A migration that a database does not have yet: its revision, and what it does in a sentence."""

    revision: str
    title: str


class Bounds(msgspec.Struct, frozen=True):
    """Seconds that PostgreSQL gives a migration; 0 for no bound. SQLite has one writer, and waits for the others.

    A statement that waits for a lock on a table makes every later statement on that table wait, too. `lock`: how long
    one waits for another session. `statement`: how long one works (PostgreSQL's manual, `lock_timeout` and
    `statement_timeout`).
    """

    lock: float = 10
    statement: float = 3600


_USUAL = Bounds()


def _is_missing_file(database: Database) -> bool:
    return database.is_sqlite and not Path(database.url.database or "").exists()


async def planned(database: Database) -> tuple[str | None, tuple[Step, ...]]:
    """Return the database's revision and the steps from there to the newest. Raises DatabaseUnready as `migrate`."""
    # To ask SQLite for a missing file makes one.
    before = None if _is_missing_file(database) else await revision(database)
    if before and is_ahead(before):
        raise DatabaseUnready(f"{ahead_text(before)}: install the version that migrated it, or a newer one")
    if before and before not in _revisions():
        raise DatabaseUnready(
            f"the database is at revision {before}, of a version that was never released, and cannot be updated: "
            "remove the tables whose names begin with keyturn_, and run `keyturn migrate` again"
        )
    return before, tuple(Step(one, _title(one)) for one in _revisions() if one > (before or ""))


def _title(name: str) -> str:
    """Return the first line of a migration's docstring, with which its file begins.

    Not by `ast`: in Python 3.11 two threads that parse at a time can fail (https://github.com/python/cpython/issues/106905).
    """
    file = next((folder("migrations") / "versions").glob(f"{name}_*.py"))
    return file.read_text("utf-8").removeprefix('"""').partition("\n")[0].removesuffix('"""')


async def migrate(database: Database, bounds: Bounds = _USUAL, progress: Progress | None = None) -> str | None:
    """Bring the database to the newest revision; return its previous one. Raises DatabaseUnready if it refuses.

    All steps are one transaction: a process that is killed leaves the database as it was, and its locks end with its
    session. Several machines may call it at once. PostgreSQL's advisory lock, or SQLite's writer lock, lets one of
    them work; the others wait and then have nothing to do.
    """
    before, steps = await planned(database)
    if not steps:
        return before

    progress = progress or Progress(lambda _: None)

    def bring_up(connection: Connection) -> None:
        try:
            with progress.watching(connection):
                _bring_up(database, connection, bounds)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if said := _too_long(error, bounds):
                raise DatabaseUnready(said) from error
            # Usually a missing right to create tables, or a foreign table of the same name.
            raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error

    following = asyncio.create_task(progress.follow(database))
    try:
        with unready_where_unreachable(database.where):
            await database.connections.transact(bring_up)  # bounded by the server, which knows what it waits for
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)  # a reader that is gone stops the lines alone
    return before


def _bring_up(database: Database, connection: Connection, bounds: Bounds) -> None:
    from alembic import command

    lock, statement = _bounding(bounds)
    if not database.is_sqlite:
        # A server would end its statement before it notices that this process was killed, and hold its locks until
        # then. PostgreSQL 13 and some systems cannot notice earlier (its manual, `client_connection_check_interval`).
        with suppress(DBAPIError), connection.begin_nested():
            connection.execute(text("SET LOCAL client_connection_check_interval = 1000"))
        connection.execute(text(statement))
    database.hold(connection, "keyturn is migrating")
    if not database.is_sqlite:
        connection.execute(text(lock))  # after the wait for another migration, which may take long
    if database.schema:
        _enter_schema(connection, database.schema)
    command.upgrade(_alembic(connection), "head")


def _too_long(error: DBAPIError, bounds: Bounds) -> str:
    """Return a sentence if a bound ended the migration (PostgreSQL's manual, appendix A), else ""."""
    match getattr(error.orig, "sqlstate", ""):
        case "55P03":  # lock_not_available
            return (
                f"another session has held a lock on one of Keyturn's tables for {bounds.lock:g} s: nothing was "
                "changed. End that session or run again with a longer --lock-timeout"
            )
        case "57014" if "statement timeout" in str(error.orig):  # query_canceled
            return (
                f"a statement of the migration, or another migration, took longer than {bounds.statement:g} s: "
                "nothing was changed. Run again with a longer --statement-timeout"
            )
    return ""


def _bounding(bounds: Bounds) -> tuple[str, str]:
    """Return the statements that bound those after them in this transaction."""
    return (
        f"SET LOCAL lock_timeout = {_milliseconds(bounds.lock)}",
        f"SET LOCAL statement_timeout = {_milliseconds(bounds.statement)}",
    )


def _milliseconds(seconds: float) -> int:
    """Return them as PostgreSQL takes them: 0 is no bound, so a tiny one is rounded up."""
    return ceil(seconds * 1000)


async def migration_sql(database: Database, bounds: Bounds = _USUAL) -> str:
    """Return the SQL of the steps that `migrate` would take, as a script of one transaction; "" for none.

    Raises DatabaseUnready as `migrate`. The database is only asked for its revision.
    """
    before, steps = await planned(database)
    if not steps:
        return ""

    from alembic import command

    def write(connection: Connection) -> str:
        written = StringIO()
        command.upgrade(_alembic(connection, written), f"{before or 'base'}:head", sql=True)
        return written.getvalue()

    if database.is_sqlite:
        with create_engine("sqlite://", poolclass=NullPool).connect() as connection:  # the file need not be there yet
            return f"BEGIN IMMEDIATE;\n\n{write(connection).strip()}\n\nCOMMIT;\n"

    def write_for_administrator(connection: Connection) -> str:
        first = [*_bounding(bounds)]
        # The administrator's own search path may lead elsewhere.
        name = database.schema or connection.scalar(text("SELECT current_schema()"))
        quoted = connection.dialect.identifier_preparer.quote(name)
        if not connection.scalar(_SCHEMA_EXISTS, {"schema": name}):
            first.append(f"CREATE SCHEMA {quoted}")
        first.append(f"SET LOCAL search_path TO {quoted}")
        return write(connection).replace("BEGIN;\n", "BEGIN;\n\n" + "".join(f"{one};\n" for one in first), 1)

    return await database.read(write_for_administrator)


def _alembic(connection: Connection, written: StringIO | None = None) -> "Config":
    """Return what Alembic needs to know; `written` takes what it would execute."""
    from alembic.config import Config

    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(folder("migrations")))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    return config


_SCHEMA_EXISTS = text("SELECT 1 FROM pg_namespace WHERE nspname = :schema")


def _enter_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is missing, and search it alone in this transaction: Alembic writes bare names."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    try:
        if not connection.scalar(
            _SCHEMA_EXISTS, {"schema": schema}
        ):  # "IF NOT EXISTS" would need the right to create a schema even if it exists
            connection.execute(text(f"CREATE SCHEMA {quoted}"))
    except ProgrammingError as error:
        raise DatabaseUnready(f"the schema {schema} does not exist and cannot be created: {_reason(error)}") from None
    connection.execute(text(f"SET LOCAL search_path TO {quoted}"))


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
