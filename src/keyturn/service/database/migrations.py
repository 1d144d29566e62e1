"""Migrates the database to the newest revision, and checks its revision."""

from collections.abc import Sequence
from functools import cache, partial

from sqlalchemy import Column, Connection, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError

from keyturn.extras import folder
from keyturn.service.database import Database, Model, unready_where_unreachable
from keyturn.service.database.statements import encoding
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import DatabaseUnready

# Keyturn's own, so that its migrations and an app's do not mix in one database
VERSION_TABLE = "keyturn_migrations"
# The table as Alembic creates it.
_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
NO_TABLES = "does not have Keyturn's tables yet"


def head() -> str:
    return _revisions()[-1]


@cache
def _revisions() -> Sequence[str]:
    # The name of a file begins with its revision, so Alembic need not be imported.
    files = (folder("migrations") / "versions").glob("[0-9]*.py")
    return sorted(file.stem.split("_")[0] for file in files)


UTF8_FIX = (
    "create one with `CREATE DATABASE keyturn ENCODING 'UTF8' TEMPLATE template0`, and name "
    "it in database.url"
)


async def encoding_fault(database: Database) -> str:
    """Return a sentence if the database has another encoding than UTF8, else "".

    It could not store every letter that an address may have, so a request with such an address
    would fail. SQL_ASCII would store texts that cannot be read back.
    """
    used = await database.read(encoding)
    if used in ("", "UTF8"):
        return ""
    return f"has the encoding {used}, and Keyturn needs UTF8"


async def require_utf8(database: Database) -> None:
    fault = await encoding_fault(database)
    if fault:
        raise DatabaseUnready(f"the database {fault}: {UTF8_FIX}")


async def require_current(database: Database) -> str:
    """Return the database's revision.

    Raises DatabaseUnready if the database does not answer, or if this version of Keyturn cannot
    work with it.

    A newer revision still works, as during a rollout: migrations add first, and remove a release
    later. But all columns of this version must still exist.
    """
    await require_utf8(database)
    current = await revision(database)
    if not current:
        raise DatabaseUnready(f"the database {NO_TABLES}: run `keyturn migrate`")
    ahead = ahead_text(current)
    if ahead:
        try:
            await database.read(_require_columns)
        except DatabaseUnready as error:
            missing = describe_error(error)
            raise DatabaseUnready(
                f"{ahead}, and lacks what it needs ({missing}): install that version"
            ) from error
    if current < head():
        state = f"is at revision {current}, not {head()}"
        raise DatabaseUnready(f"the database {state}: run `keyturn migrate`")
    return current


def _require_columns(connection: Connection) -> None:
    for table in Model.metadata.sorted_tables:
        connection.execute(select(table).limit(0))


def ahead_text(current: str) -> str:
    """Return a sentence if the revision is newer than those that this version knows, else ""."""
    if current <= head():  # names of revisions sort by age
        return ""
    return f"the database is at revision {current}, newer than {head()} of this version of Keyturn"


async def revision(database: Database) -> str | None:
    """Return the revision; None if the database was never migrated.

    Raises DatabaseUnready if it cannot be read.
    """

    def find(connection: Connection) -> str | None:
        try:
            return connection.execute(select(_VERSIONS.c.version_num)).scalar()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # "42P01" is PostgreSQL's code for a table that does not exist (its manual, appendix A).
            is_undefined = getattr(error.orig, "sqlstate", "") == "42P01"
            if is_undefined or "no such table" in str(error.orig):
                return None
            message = f"the revision of the database cannot be read: {_reason(error)}"
            raise DatabaseUnready(message) from error

    return await database.read(find)


# The wait for a table's lock on PostgreSQL: all later statements on that table wait behind it.
_LOCK_TIMEOUT = "10s"


async def migrate(database: Database, *, lock_timeout: str = _LOCK_TIMEOUT) -> str | None:
    """Bring the database to the newest revision; return its previous one.

    Raises DatabaseUnready if the database refuses a step, or has an unknown or newer revision.

    All steps are one transaction, so a killed process leaves no half of them. Several machines may
    call it at once: PostgreSQL's advisory lock, or SQLite's writer lock, lets one of them work, and
    the others then have nothing to do.
    """
    await require_utf8(database)
    before = await revision(database)
    ahead = ahead_text(before) if before else ""
    if ahead:
        raise DatabaseUnready(f"{ahead}: install the version that migrated it, or a newer one")
    if before and before not in _revisions():
        raise DatabaseUnready(
            f"the database is at revision {before}, of a version that was never released, and "
            "cannot be updated: remove the tables whose names begin with keyturn_, and run "
            "`keyturn migrate` again"
        )
    if before != head():
        with unready_where_unreachable(database.where):  # without a caller's time limit
            await database.connections.transact(partial(_bring_up, database, lock_timeout))
    return before


def _bring_up(database: Database, lock_timeout: str, connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    try:
        database.hold(connection, "keyturn is migrating")
        if not database.is_sqlite:  # after the wait for another migration, which may take long
            set_timeout = text("SELECT set_config('lock_timeout', :most, true)")
            connection.execute(set_timeout, {"most": lock_timeout})
        command.upgrade(config, "head")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # Usually a missing right to create tables, a foreign table of the same name, or another
        # session's lock.
        raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    """Return the first line of the driver's message.

    SQLAlchemy's wrapper of asyncpg writes the class of the error before it, as `<class ...>: `.
    """
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
