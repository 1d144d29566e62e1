"""Checks that the database answers, can be written, and is at this version's revision."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding, fail, ok, warn
from keyturn.service.database import Database
from keyturn.service.database.migrations import NO_TABLES, ahead_text, head, revision
from keyturn.service.database.unready import describe_error, describe_url
from keyturn.service.outbox.history import mails_sealed_otherwise
from keyturn.service.outbox.message import Seal
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.proofs.second_step.own_step import BuiltinFactors
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url

WRONG_PATH = (
    "The settings say that it has your accounts, so the path is wrong: correct it, or start Keyturn in the folder that"
    " it is relative to. Do not run `keyturn migrate`, which would create an empty file."
)


def missing_file(address: str) -> str:
    """Return the whole path of a database URL's file if the file is missing; else "". Opening would create it."""
    url = read_url(address, "database.url").url
    file = Path(url.database).absolute() if url.get_backend_name() == "sqlite" and url.database else None
    return str(file) if file and not file.exists() else ""


def accounts_file(settings: Settings) -> str:
    table = settings.accounts.table
    return missing_file(table.url or settings.database.url) if table.table else ""


async def check_database(settings: Settings) -> list[Finding]:
    try:
        url = read_url(settings.database.url, "database.url").url
    except SettingsInvalid as invalid:
        return [fail(str(fault), "Correct database.url.") for fault in invalid.faults]
    if missing := missing_file(settings.database.url):
        fix = WRONG_PATH if missing == accounts_file(settings) else "Run `keyturn migrate` to create it."
        return [fail(f"{missing} does not exist", fix)]
    if url.get_backend_name() != "sqlite" and not find_spec("asyncpg"):
        return [fail("the driver for PostgreSQL is missing", "Run `pip install 'keyturn[postgres]'`.")]
    async with opened(settings) as database:
        try:
            findings = [await _revision(database, url)]
            await database.require_writable()
            return findings + (await _sqlite(database, str(url.database)) if database.is_sqlite else [])
        except DatabaseUnready as error:
            fix = "Start the database, or set database.url to the primary server and a user who may write."
            if database.is_sqlite:
                fix = "Let the user who runs Keyturn write the file and its folder, or correct database.url."
            return [fail(f"{describe_url(url)}: {describe_error(error)}", fix)]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open Keyturn's database for the block. Raises SettingsInvalid for an address that the driver cannot read."""
    own = settings.database
    database = Database(own.url, timeout=own.timeout)
    try:
        yield database
    finally:
        await database.close()


async def _revision(database: Database, url: URL) -> Finding:
    current, newest = await revision(database), head()
    if current == newest:
        return ok(f"{describe_url(url)}, at revision {newest} (newest)")
    if current and ahead_text(current):
        message = f"{describe_url(url)} is at revision {current}, and this version of Keyturn knows only {newest}"
        return warn(message, "Install the version of Keyturn that migrated it, or a newer one.")
    state = f"is at revision {current}, not {newest}" if current else NO_TABLES
    return fail(f"{describe_url(url)} {state}", "Run `keyturn migrate`.")


async def _sqlite(database: Database, file: str) -> list[Finding]:
    findings = []
    if _is_open_to_all(Path(file)):
        message = f"{file} contains password hashes, and all users of this machine can read it"
        findings.append(warn(message, f"Run `chmod o= {file}`."))
    try:
        await database.transact(_try_to_write)
    except DatabaseUnready as error:
        fix = "Let the user who runs Keyturn write the file and its folder."
        findings.append(fail(f"{file} cannot be written: {describe_error(error)}", fix))
    return findings


def _is_open_to_all(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH and file.parent.stat().st_mode & stat.S_IXOTH)


def _try_to_write(connection: Connection) -> None:
    """Create a table and roll back. A lock would prove nothing: SQLite gives the writer's to read-only users, too."""
    connection.execute(text("CREATE TABLE keyturn_trial (x INTEGER)"))
    connection.rollback()


async def check_previous_keys(settings: Settings) -> list[Finding]:
    """Count the data that the newest key does not open. Signed data is not stored, and expires within ten minutes."""
    newest = settings.secret_key
    keys = [newest, *(key for key in settings.previous_secret_keys if key != newest)]
    unreached = [Finding("", "skip", "previous_secret_keys: not checked", "Fix the database first.")]
    if missing_file(settings.database.url):
        return unreached
    try:
        async with opened(settings) as database:
            lost = await BuiltinFactors(database, None, keys).count_unreadable()
            counts = {
                "previous_secret_keys: accounts whose second factors need one of them": (
                    await BuiltinFactors(database, None, [newest]).count_unreadable() - lost,
                    "Keep it. A factor that is set up again uses the current key.",
                ),
                "accounts whose second factors no key decrypts, so their owners cannot reset a password": (
                    lost,
                    "Add their key to previous_secret_keys, or set the factors up again.",
                ),
                "previous_secret_keys: waiting mails that need one of them": (
                    await mails_sealed_otherwise(database, Seal([newest])),
                    "Keep previous_secret_keys until a worker has sent them.",
                ),
            }
    except (DatabaseUnready, DBAPIError):
        return unreached
    needs = [warn(f"{what}: {count:,}", fix) for what, (count, fix) in counts.items() if count]
    # A key signs codes by mail and by SMS (`short_codes.LIFE`), and puzzles.
    unneeded = "no stored data needs previous_secret_keys: remove them when every process has run with the current key"
    return needs or [ok(f"{unneeded} for 10 minutes")]
