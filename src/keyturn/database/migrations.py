"""Migrates the database to the newest revision, and checks its revision."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from keyturn.database import Database, Model, unready_where_unreachable
from keyturn.packaging import folder
from keyturn.problems.requests import DatabaseUnready

VERSION_TABLE = "keyturn_migrations"
"""Keyturn's own table, so that its migrations and an app's do not mix in one database."""

_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""As Alembic makes it."""

NO_TABLES = "has no tables of Keyturn's yet"
"""The description of a database that was never migrated."""

_CAN_BRING_IT_TO_THE_FIRST = "44abd876"
"""The git commit whose migrations begin before the first revision of this program."""


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
            raise DatabaseUnready(f"{ahead_text(found)}, and has no {missing} any more: install the newer Keyturn")
        return found
    where = f"schema {database.schema}" if database.schema else "database"
    state = f"is at revision {found}, not {head()}" if found else NO_TABLES
    raise DatabaseUnready(f"the {where} {state}: run `{command} migrate`")


def is_ahead(found: str) -> bool:
    """Tell whether a database's revision is newer than all that this program knows: their names sort by age."""
    return found > head()


def ahead_text(found: str) -> str:
    return f"the database is at revision {found}, newer than the {head()} of this Keyturn"


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
                raise DatabaseUnready(f"the database does not tell its revision: {_reason(error)}") from error
            if not database.is_sqlite and not database.schema and (missing := missing_schema(connection)):
                raise SchemaMissing(missing) from None
            return None
        return str(found or "") or None

    return await database.read(find)


def missing_schema(connection: Connection) -> str:
    """Return a sentence if no schema of the connection's PostgreSQL search path exists, else ""."""
    schema, path = connection.execute(text("SELECT current_schema(), current_setting('search_path')")).one()
    return "" if schema else f"there is no schema {path}"


async def migrate(database: Database) -> str | None:
    """Bring the database to the newest revision; return its previous one. Raises DatabaseUnready if it refuses.

    Several machines may call it at once. PostgreSQL's advisory lock, or SQLite's writer lock, lets one of them work;
    the others wait and then have nothing to do.
    """
    before = await revision(database)
    if before == head():
        return before
    if before and is_ahead(before):
        raise DatabaseUnready(f"{ahead_text(before)}: install the Keyturn that migrated it, or a newer one")
    if before and before < _revisions()[0]:
        raise DatabaseUnready(
            f"the database is at revision {before}, and this Keyturn begins at {_revisions()[0]}: first run "
            f"`keyturn migrate` of its git commit {_CAN_BRING_IT_TO_THE_FIRST}"
        )

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))

    def bring_up(connection: Connection) -> None:
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        database.hold(connection, "keyturn is migrating")
        if database.schema:
            _enter_schema(connection, database.schema)
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # Usually a missing right to create tables, or a foreign table of the same name.
            raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error

    with unready_where_unreachable(database.where):
        await database.connections.transact(bring_up)  # without a time limit
    return before


def _enter_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is missing, and search it alone in this transaction: Alembic writes bare names."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    there = connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :schema"), {"schema": schema})
    try:
        if not there:  # "IF NOT EXISTS" would need the right to create a schema even if it exists
            connection.execute(text(f"CREATE SCHEMA {quoted}"))
    except ProgrammingError as error:
        raise DatabaseUnready(f"the schema {schema} is not there and cannot be made: {_reason(error)}") from None
    connection.execute(text(f"SET LOCAL search_path TO {quoted}"))


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
