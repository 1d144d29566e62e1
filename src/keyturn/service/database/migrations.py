"""Migrates the database to the newest revision, and checks its revision."""

from collections.abc import Sequence
from functools import cache, partial

from sqlalchemy import Column, Connection, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError

from keyturn.extras import folder
from keyturn.service.database import Database, Model, unready_where_unreachable
from keyturn.service.database.database import encoding
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import DatabaseUnready

# Keyturn's own, so that its migrations and an app's do not mix in one database
VERSION_TABLE = "keyturn_migrations"
_VERSIONS = Table(
    VERSION_TABLE, MetaData(), Column("version_num", String(32))
)  # as Alembic makes it
NO_TABLES = "does not have Keyturn's tables yet"


def head() -> str:
    return _revisions()[-1]


@cache
def _revisions() -> Sequence[str]:
    # A file's name begins with its own, so Alembic need not be imported.
    files = (folder("migrations") / "versions").glob("[0-9]*.py")
    return sorted(file.stem.split("_")[0] for file in files)


UTF8_FIX = (
    "create one with `CREATE DATABASE keyturn ENCODING 'UTF8' TEMPLATE template0`, and name "
    "it in database.url"
)


async def encoding_fault(database: Database) -> str:
    """Return in words that PostgreSQL's database lacks letters that an address may have; "" if it
    has them all.

    Each request with such an address would be an error, and SQL_ASCII would store texts that nobody
    can read back.
    """
    used = await database.read(encoding)
    return f"has the encoding {used}, and Keyturn needs UTF8" if used not in ("", "UTF8") else ""


async def require_utf8(database: Database) -> None:
    if fault := await encoding_fault(database):
        raise DatabaseUnready(f"the database {fault}: {UTF8_FIX}")


async def require_current(database: Database) -> str:
    """Return the database's revision.

    Raises DatabaseUnready unless it answers and this program can work with it.

    One that is ahead still works, as during a rollout: migrations expand first and contract a
    release later. But all columns that the statements here name must still exist.
    """
    await require_utf8(database)
    current = await revision(database)
    if current and (ahead := ahead_text(current)):
        try:
            tables = Model.metadata.sorted_tables
            await database.read(lambda one: [one.execute(select(each).limit(0)) for each in tables])
        except DatabaseUnready as error:
            missing = describe_error(error)
            raise DatabaseUnready(
                f"{ahead}, and lacks what it needs ({missing}): install that version"
            ) from error
    if current and current >= head():
        return current
    state = f"is at revision {current}, not {head()}" if current else NO_TABLES
    raise DatabaseUnready(f"the database {state}: run `keyturn migrate`")


def ahead_text(current: str) -> str:
    """Return a sentence if a database's revision is newer than all that this program knows, else
    "".
    """
    if current <= head():  # names of revisions sort by age
        return ""
    return f"the database is at revision {current}, newer than {head()} of this version of Keyturn"


async def revision(database: Database) -> str | None:
    """Return the revision; None if it was never migrated.

    Raises DatabaseUnready if it cannot be read.
    """

    def find(connection: Connection) -> str | None:
        try:
            return connection.execute(select(_VERSIONS.c.version_num)).scalar()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # There is no such table (PostgreSQL's manual, appendix A).
            if getattr(error.orig, "sqlstate", "") == "42P01" or "no such table" in str(error.orig):
                return None
            raise DatabaseUnready(
                f"the revision of the database cannot be read: {_reason(error)}"
            ) from error

    return await database.read(find)


_LOCK_TIMEOUT = (
    "10s"  # for a table of PostgreSQL: all later statements on that table wait behind it
)


async def migrate(database: Database, *, lock_timeout: str = _LOCK_TIMEOUT) -> str | None:
    """Bring the database to the newest revision; return its previous one.

    Raises DatabaseUnready if it refuses.

    All steps are one transaction, which a killed process leaves undone. Several machines may call
    it at once: PostgreSQL's advisory lock, or SQLite's writer lock, lets one of them work, and then
    the others have nothing to do.
    """
    await require_utf8(database)
    before = await revision(database)
    if before and (ahead := ahead_text(before)):
        raise DatabaseUnready(f"{ahead}: install the version that migrated it, or a newer one")
    if before and before not in _revisions():
        raise DatabaseUnready(
            f"the database is at revision {before}, of a version that was never released, and "
            "cannot be updated: "
            "remove the tables whose names begin with keyturn_, and run `keyturn migrate` again"
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
            connection.execute(
                text("SELECT set_config('lock_timeout', :most, true)"), {"most": lock_timeout}
            )
        command.upgrade(config, "head")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # Usually a missing right to create tables, a foreign table of the same name, or another
        # session's lock.
        raise DatabaseUnready(f"the database refuses the migration: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
