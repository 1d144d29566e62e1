"""Checks Keyturn's own database."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.migrations import (
    NO_TABLES,
    UTF8_FIX,
    ahead_text,
    encoding_fault,
    head,
    revision,
)
from keyturn.service.database.unready import describe_error, describe_url, refused_part
from keyturn.service.doctor.database_files import WRONG_PATH, missing_accounts_file, missing_file
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url


async def check_database(settings: Settings) -> list[CheckResult]:
    try:
        url = read_url(settings.database.url, "database.url").url
    except SettingsInvalid as invalid:
        return [fail(str(fault), "Correct database.url.") for fault in invalid.faults]
    missing = missing_file(settings.database.url, "database.url")
    if missing:
        fix = "Run `keyturn migrate` to create it."
        if missing == missing_accounts_file(settings):
            fix = WRONG_PATH
        return [fail(f"{missing} does not exist", fix)]
    if url.get_backend_name() != "sqlite" and not find_spec("asyncpg"):
        fix = "Run `pip install 'keyturn[postgres]'`."
        return [fail("the driver for PostgreSQL is missing", fix)]
    async with opened(settings) as database:
        try:
            findings = [await _revision(database, url)]
            await database.require_writable()
            if database.is_sqlite:
                return findings + await _sqlite(database, str(url.database))
            return findings + await _clocks(database)
        except DatabaseUnready as error:
            message = f"{describe_url(url)}: {describe_error(error)}"
            return [fail(message, _fix_of_unready(database, error))]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Connect to Keyturn's own database within the block."""
    database = Database(settings.database.url, timeout=settings.database.timeout)
    try:
        yield database
    finally:
        await database.close()


def _fix_of_unready(database: Database, error: DatabaseUnready) -> str:
    if database.is_sqlite:
        return (
            "Let the user who runs Keyturn write the file and its folder, or correct database.url."
        )
    return fix_of_address(error, "database.url") or (
        "Start the database, or set database.url to the primary server and a user who may write."
    )


def fix_of_address(error: BaseException, setting: str) -> str:
    """Return the fix for the part of a database's URL that the server refuses, else ""."""
    match refused_part(error):
        case "login":
            return (
                f"Correct the user and the password in {setting}, or let the server accept this "
                "user."
            )
        case "name":
            return f"Correct the name of the database in {setting}, or create the database."
        case _:
            return ""


async def _revision(database: Database, url: URL) -> CheckResult:
    place = describe_url(url)
    fault = await encoding_fault(database)
    if fault:
        return fail(f"{place} {fault}", f"Keyturn needs one of its own: {UTF8_FIX}.")
    current = await revision(database)
    newest = head()
    if current == newest:
        return ok(f"{place}, at revision {newest} (newest)")
    if current is None:
        return fail(f"{place} {NO_TABLES}", "Run `keyturn migrate`.")
    if ahead_text(current):
        message = f"{place} is at revision {current}"
        return warn(
            f"{message}, and this version of Keyturn knows only {newest}",
            "Install the version of Keyturn that migrated it, or a newer one.",
        )
    return fail(f"{place} is at revision {current}, not {newest}", "Run `keyturn migrate`.")


_LARGEST_DIFFERENCE = timedelta(seconds=30)
"""The largest difference between two clocks that is accepted: a step of TOTP (RFC 6238, 5.2)."""


async def _clocks(database: Database) -> list[CheckResult]:
    """Compare this machine's clock with that of the database, which other machines may share."""
    rows = await database.fetch(text("SELECT now() AS now"))
    difference = abs(now() - rows[0]["now"])
    if difference <= _LARGEST_DIFFERENCE:
        return []
    seconds = f"{difference.total_seconds():.0f} seconds"
    fix = (
        "Let both machines set their clocks by NTP: links expire, and TOTP codes are checked, by "
        "this machine's clock."
    )
    return [warn(f"this machine's clock and the database's differ by {seconds}", fix)]


async def _sqlite(database: Database, file: str) -> list[CheckResult]:
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
    can_be_read = file.stat().st_mode & stat.S_IROTH
    can_be_reached = file.parent.stat().st_mode & stat.S_IXOTH
    return bool(can_be_read and can_be_reached)


def _try_to_write(connection: Connection) -> None:
    # A lock would prove nothing: SQLite gives the write lock to a user who may only read, too.
    connection.execute(text("CREATE TABLE keyturn_trial (x INTEGER)"))
    connection.rollback()
