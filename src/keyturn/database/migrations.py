"""Bringing the database to the newest revision, and telling whether it is there."""

from functools import cache

from sqlalchemy import Column, Connection, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.database import Database, unready_where_unreachable
from keyturn.errors import DatabaseUnready
from keyturn.packaging import folder

VERSION_TABLE = "keyturn_migrations"
"""Keyturn's own, so that its migrations and an app's never meet in one database."""

_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""As Alembic makes it."""

_ADVISORY_LOCK = 0x6B65797475726E
"""An arbitrary number that stands for "keyturn is migrating" among PostgreSQL's advisory locks."""


@cache
def head() -> str:
    """Return the newest revision. A file's name begins with it, so Alembic need not be imported to know."""
    return max(file.stem.split("_")[0] for file in (folder("migrations") / "versions").glob("[0-9]*.py"))


async def require_current(database: Database, *, command: str = "keyturn") -> None:
    """Raise DatabaseUnready unless the database answers and is at the newest revision.

    `command` is whose `migrate` brings this database there.
    """
    found = await revision(database)
    if found != head():
        where = f"schema {database.schema}" if database.schema else "database"
        raise DatabaseUnready(f"the {where} is at revision {found or 'none'}, not {head()}: run `{command} migrate`")


async def revision(database: Database) -> str | None:
    """Return the revision that the database is at; None where it was never migrated."""
    async with database.connection() as connection:
        try:
            found = await connection.execute(select(_VERSIONS.c.version_num))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return None
        return str(found.scalar() or "") or None


async def migrate(database: Database) -> str | None:
    """Bring the database to the newest revision; return the one it was at. Raises DatabaseUnready where it refuses.

    Any number of machines may call it at once: on PostgreSQL an advisory lock, on SQLite the writer's, lets one work
    while the others wait and then find nothing to do.
    """
    before = await revision(database)
    if before == head():
        return before
    with unready_where_unreachable():
        async with database.engine.begin() as connection:
            if not database.is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            if database.schema:
                await _enter_schema(connection, database.schema)
            try:
                await connection.run_sync(_run_alembic)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                # Most often no right to make tables, or one of that name which is somebody else's.
                raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error
    return before


async def _enter_schema(connection: AsyncConnection, schema: str) -> None:
    """Make the schema where it is missing, and the only one that this transaction sees: Alembic writes bare names."""
    quoted = connection.dialect.identifier_preparer.quote(schema)
    there = await connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :schema"), {"schema": schema})
    try:
        if not there:  # "IF NOT EXISTS" would need the right to make one also where it is there
            await connection.execute(text(f"CREATE SCHEMA {quoted}"))
    except ProgrammingError as error:
        raise DatabaseUnready(f"the schema {schema} is not there and cannot be made: {_reason(error)}") from None
    await connection.execute(text(f"SET LOCAL search_path TO {quoted}"))


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]


def _run_alembic(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - dear to import, and needed once a release
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, "head")
