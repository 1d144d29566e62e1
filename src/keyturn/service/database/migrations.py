"""Migrates the database to the newest revision, and checks its revision."""

from collections.abc import Sequence
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from keyturn.packaging import folder
from keyturn.service.database import Database, Model, unready_where_unreachable
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


def _is_missing_file(database: Database) -> bool:
    return database.is_sqlite and not Path(database.url.database or "").exists()


async def _updatable(database: Database) -> str | None:
    """Return the database's revision. Raises DatabaseUnready if this program cannot bring it to the newest."""
    found = None if _is_missing_file(database) else await revision(database)  # to ask SQLite for one makes it
    if found and is_ahead(found):
        raise DatabaseUnready(f"{ahead_text(found)}: install the version that migrated it, or a newer one")
    if found and found not in _revisions():
        raise DatabaseUnready(
            f"the database is at revision {found}, of a version that was never released, and cannot be updated: "
            "remove the tables whose names begin with keyturn_, and run `keyturn migrate` again"
        )
    return found


_LOCK_TIMEOUT = "10s"
"""How long a statement waits for a lock on a table of PostgreSQL: all later ones on that table wait behind it."""


async def migrate(database: Database, *, lock_timeout: str = _LOCK_TIMEOUT) -> str | None:
    """Bring the database to the newest revision; return its previous one. Raises DatabaseUnready if it refuses.

    All steps are one transaction: a process that is killed leaves the database as it was, and its locks end with its
    session. Several machines may call it at once. PostgreSQL's advisory lock, or SQLite's writer lock, lets one of
    them work; the others wait and then have nothing to do.
    """
    before = await _updatable(database)
    if before != head():
        with unready_where_unreachable(database.where):  # without a caller's time limit
            await database.connections.transact(partial(_bring_up, database, lock_timeout))
    return before


def _bring_up(database: Database, lock_timeout: str, connection: Connection) -> None:
    from alembic import command

    try:
        database.hold(connection, "keyturn is migrating")
        if not database.is_sqlite:  # after the wait for another migration, which may take long
            connection.execute(text("SELECT set_config('lock_timeout', :most, true)"), {"most": lock_timeout})
        if database.schema:
            _enter_schema(connection, database.schema)
        command.upgrade(_alembic(database, connection=connection), "head")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # Usually a missing right to create tables, a foreign table of the same name, or another session's lock.
        raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error


def _enter_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is missing, and search it alone in this transaction: Alembic writes bare names."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    # "IF NOT EXISTS" would need the right to create a schema even if it exists.
    if not connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :schema"), {"schema": schema}):
        try:
            connection.execute(text(f"CREATE SCHEMA {quoted}"))
        except ProgrammingError as error:
            said = f"the schema {schema} does not exist and cannot be created: {_reason(error)}"
            raise DatabaseUnready(said) from None
    connection.execute(text(f"SET LOCAL search_path TO {quoted}"))


async def migration_sql(database: Database) -> str:
    """Return the SQL of the steps that `migrate` would take, as a script of one transaction; "" for none.

    Raises DatabaseUnready as `migrate`. The database is only asked for its revision and its schema.
    """
    from alembic import command

    before = await _updatable(database)
    if before == head():
        return ""
    script = StringIO()
    command.upgrade(_alembic(database, output_buffer=script), f"{before or 'base'}:head", sql=True)
    if database.is_sqlite:
        return f"BEGIN IMMEDIATE;\n\n{script.getvalue().strip()}\n\nCOMMIT;\n"

    # The administrator's own search path may lead elsewhere.
    (row,) = await database.fetch(
        text("SELECT quote_ident(coalesce(nullif(:ours, ''), current_schema())) AS schema"), {"ours": database.schema}
    )
    first = [f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'", f"SET LOCAL search_path TO {row['schema']}"]
    if database.schema:
        first.insert(1, f"CREATE SCHEMA IF NOT EXISTS {row['schema']}")
    return script.getvalue().replace("BEGIN;\n", "BEGIN;\n\n" + "".join(f"{one};\n" for one in first), 1)


def _alembic(
    database: Database, connection: Connection | None = None, output_buffer: StringIO | None = None
) -> "Config":
    """Return what Alembic needs to know. It executes on the connection, or writes into the buffer."""
    from alembic.config import Config

    config = Config(output_buffer=output_buffer)
    config.set_main_option("script_location", str(folder("migrations")))
    config.attributes.update(connection=connection, dialect_name=database.dialect.name, version_table=VERSION_TABLE)
    return config


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
