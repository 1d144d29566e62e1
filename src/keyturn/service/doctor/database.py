"""Checks Keyturn's database, and the store of the accounts against the settings."""

import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.check_result import CheckResult, fail, ok, warn
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import accounts_for, ends_sessions
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
from keyturn.service.doctor.grants import all_grants, grant_for
from keyturn.service.onboarding.credential_tables import endings, lasting, sessions_left
from keyturn.service.onboarding.settings_file import ending_line
from keyturn.service.onboarding.survey import app_database, tables_in, tables_of_its_app
from keyturn.service.outbox.history import mails_sealed_otherwise
from keyturn.service.outbox.message import Seal
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.reset.proofs.second_step.own_step import BuiltinFactors
from keyturn.service.settings import Settings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.paths import hosted_path

_WRONG_PATH = (
    "The settings say that it has your accounts, so the path is wrong: correct it, or start "
    "Keyturn in the folder that"
    " it is relative to. Do not run `keyturn migrate`, which would create an empty file."
)


def _missing_file(address: str) -> str:
    """Return the absolute path of a database URL's file if the file is missing; else "".

    The doctor does not open it, since that would create it.
    """
    url = read_url(address, "database.url").url
    file = (
        Path(url.database).absolute()
        if url.get_backend_name() == "sqlite" and url.database
        else None
    )
    return str(file) if file and not file.exists() else ""


def _accounts_file(settings: Settings) -> str:
    table = settings.accounts.table
    return _missing_file(table.url or settings.database.url) if table.table else ""


async def check_database(settings: Settings) -> list[CheckResult]:
    try:
        url = read_url(settings.database.url, "database.url").url
    except SettingsInvalid as invalid:
        return [fail(str(fault), "Correct database.url.") for fault in invalid.faults]
    if missing := _missing_file(settings.database.url):
        fix = (
            _WRONG_PATH
            if missing == _accounts_file(settings)
            else "Run `keyturn migrate` to create it."
        )
        return [fail(f"{missing} does not exist", fix)]
    if url.get_backend_name() != "sqlite" and not find_spec("asyncpg"):
        return [
            fail("the driver for PostgreSQL is missing", "Run `pip install 'keyturn[postgres]'`.")
        ]
    async with _opened(settings) as database:
        try:
            findings = [await _revision(database, url)]
            await database.require_writable()
            if database.is_sqlite:
                return findings + await _sqlite(database, str(url.database))
            return findings + await _clocks(database)
        except DatabaseUnready as error:
            fix = _fix_of_address(error, "database.url")
            if not fix:
                fix = (
                    "Start the database, or set database.url to the primary server and a user "
                    "who may write."
                )
            if database.is_sqlite:
                fix = (
                    "Let the user who runs Keyturn write the file and its folder, or correct "
                    "database.url."
                )
            return [fail(f"{describe_url(url)}: {describe_error(error)}", fix)]


def _fix_of_address(error: BaseException, setting: str) -> str:
    """Return the fix for the part of a database's URL that the server refuses, else ""."""
    match refused_part(error):
        case "login":
            return (
                f"Correct the user and the password in {setting}, or let the server accept "
                "this user."
            )
        case "name":
            return f"Correct the name of the database in {setting}, or create the database."
        case _:
            return ""


_LARGEST_DIFFERENCE = timedelta(seconds=30)
"""The largest difference between two clocks that is accepted: a step of TOTP (RFC 6238, 5.2)."""


async def _clocks(database: Database) -> list[CheckResult]:
    """Compare this machine's clock with that of the database, which other machines may share."""
    theirs = await database.read(lambda tx: tx.execute(text("SELECT now()")).scalar_one())
    difference = abs(now() - theirs)
    if difference <= _LARGEST_DIFFERENCE:
        return []
    message = (
        f"this machine's clock and the database's differ by {difference.total_seconds():.0f} "
        "seconds"
    )
    fix = (
        "Let both machines set their clocks by NTP: links expire, and TOTP codes are checked, "
        "by this machine's clock."
    )
    return [warn(message, fix)]


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    own = settings.database
    database = Database(own.url, timeout=own.timeout)
    try:
        yield database
    finally:
        await database.close()


async def _revision(database: Database, url: URL) -> CheckResult:
    if fault := await encoding_fault(database):
        return fail(f"{describe_url(url)} {fault}", f"Keyturn needs one of its own: {UTF8_FIX}.")
    current, newest = await revision(database), head()
    if current == newest:
        return ok(f"{describe_url(url)}, at revision {newest} (newest)")
    if current and ahead_text(current):
        message = (
            f"{describe_url(url)} is at revision {current}, and this version of Keyturn knows "
            f"only {newest}"
        )
        return warn(message, "Install the version of Keyturn that migrated it, or a newer one.")
    state = f"is at revision {current}, not {newest}" if current else NO_TABLES
    return fail(f"{describe_url(url)} {state}", "Run `keyturn migrate`.")


async def _sqlite(database: Database, file: str) -> list[CheckResult]:
    findings = []

    def try_to_write(connection: Connection) -> None:
        # A lock would prove nothing: SQLite gives the write lock to a user who may only read, too.
        connection.execute(text("CREATE TABLE keyturn_trial (x INTEGER)"))
        connection.rollback()

    if _is_open_to_all(Path(file)):
        message = f"{file} contains password hashes, and all users of this machine can read it"
        findings.append(warn(message, f"Run `chmod o= {file}`."))
    try:
        await database.transact(try_to_write)
    except DatabaseUnready as error:
        fix = "Let the user who runs Keyturn write the file and its folder."
        findings.append(fail(f"{file} cannot be written: {describe_error(error)}", fix))
    return findings


def _is_open_to_all(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH and file.parent.stat().st_mode & stat.S_IXOTH)


async def _unreadable(database: Database, keys: Sequence[str]) -> int:
    return await BuiltinFactors.count_unreadable(database, keys)


async def check_previous_keys(settings: Settings) -> list[CheckResult]:
    """Count the stored data that only an earlier key decrypts.

    Signed data is not stored. It expires within ten minutes.
    """
    newest = settings.secret_key
    keys = [newest, *(key for key in settings.previous_secret_keys if key != newest)]
    unreached = [
        CheckResult("", "skip", "previous_secret_keys: not checked", "Fix the database first.")
    ]
    if _missing_file(settings.database.url):
        return unreached
    try:
        async with _opened(settings) as database:
            lost = await _unreadable(database, keys)
            counts = {
                "previous_secret_keys: accounts whose second factors need one of them": (
                    await _unreadable(database, [newest]) - lost,
                    "Keep it. A factor that is set up again uses the current key.",
                ),
                "accounts whose second factors no key decrypts, so their owners cannot reset a "
                "password": (
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
    # Ten minutes: a key also signs puzzles, and the codes of mails and of SMS
    # (`lifetimes.CODE_LIFE`).
    unneeded = (
        "no stored data needs previous_secret_keys: remove them when every process has run "
        "with the current key"
    )
    return needs or [ok(f"{unneeded} for 10 minutes")]


async def check_accounts(settings: Settings) -> list[CheckResult]:
    """Check the store of the accounts. A missing file is not created."""
    try:
        async with _opened(settings) as database:
            if not settings.accounts.table.url and (missing := _accounts_file(settings)):
                return [fail(f"{missing} does not exist", _WRONG_PATH)]
            return await _check(settings, database)
    except SettingsInvalid as error:
        return [CheckResult("", "skip", "not checked", f"Fix this first: {error.faults[0]}.")]


async def _check(settings: Settings, database: Database) -> list[CheckResult]:
    try:
        store = accounts_for(settings, database)
        try:
            await store.require_ready()
            findings = await store.findings(settings.hashing)
        finally:
            await store.close()
    except SettingsInvalid as error:
        return [fail(str(fault), _fix_of_fault(fault, settings)) for fault in error.faults]
    except (AccountsUnready, DatabaseUnready) as error:
        return [fail(str(error), _fix_of_unready(error, settings))]
    except DBAPIError as error:
        sentence = f"the database of the accounts reports an error: {describe_error(error)}"
        return [fail(sentence, _fix_of_unready(error, settings))]
    message = "sign_in_url: Keyturn's sign-in page does not work with this store"
    doubt = warn(message, "Set sign_in_url to your app's sign-in page.")
    is_doubtful = hosted_path(settings.sign_in_page) and not store.offers(
        AccountStore.password_hash
    )
    fine = ok(f"the store {settings.accounts.store} matches the settings")
    return [fine, *findings, *([doubt] if is_doubtful else [])]


def _fix_of_fault(fault: Fault, settings: Settings) -> str:
    grant = grant_for(fault, settings)
    what = (
        f"Run as the owner of the tables: {grant}"
        if grant
        else "Correct the setting, or the table."
    )
    return f"{what} Keyturn does not start before that."


def _fix_of_unready(error: BaseException, settings: Settings) -> str:
    table = settings.accounts.table
    if settings.accounts.store == "ldap":
        fix = (
            "Start a server of the directory, or correct accounts.ldap.servers. SSL_CERT_FILE "
            "names all authorities."
        )
    elif settings.accounts.store == "table":
        place = "accounts.table.url" if table.url else "database.url"
        fix = _fix_of_address(error, place)
        grants = all_grants(str(error), settings)
        if grants:
            fix = f"Run as the owner of the tables: {grants}"
        if not fix:
            fix = (
                f"Start its database, correct {place}, or let its user read and write the "
                f"table {table.table}."
            )
        if _accounts_file(settings):
            fix = (
                f"The path in {place} is wrong: correct it, or start Keyturn in the folder "
                "that it is relative to."
            )
    else:
        fix = "Start it, or correct [accounts]."
    return f"{fix} Until then, Keyturn sends no links and answers resets with 503."


async def check_credentials(settings: Settings) -> list[CheckResult]:
    """Return a finding for each table of sessions, passkeys, tokens or keys that no setting ends
    (CWE-613).

    There are none if the app's database cannot be read.
    """
    mapped = settings.accounts.table
    try:
        async with app_database(mapped.url or settings.database.url) as database:
            known = await database.read(tables_in)
    except SettingsInvalid:
        return []
    name = mapped.table if mapped.table in known else mapped.table.rpartition(".")[2]
    if name not in known:
        return []
    tables = tables_of_its_app(name, known)
    fixes = {
        entry.rpartition(".")[0]: (
            f"Add to [accounts.table.ends]: `{ending_line(entry, ending)}`. If your app ends "
            "them, set"
            ' when = "never" there.'
        )
        for entry, ending in endings(tables[name], tables)
    }
    alive = [one for one, what in lasting(mapped, tables).items() if what != "sessions"]
    message = "{}: its rows may let an intruder in after a new password"
    found = [
        _session_finding(one, settings, fixes.get(one, ""))
        for one in sessions_left(mapped, tables[name], tables)
    ]
    found += [
        warn(message.format(one), fixes.get(one, _FIX_WITHOUT_OWNER))
        for one in sorted(alive, key=lambda one: one not in fixes)
    ]
    return found


def _session_finding(name: str, settings: Settings, fix: str) -> CheckResult:
    message = f"{name}: its sessions go on after a new password"
    if ends_sessions(settings.accounts):
        message += ", although the email says that all devices are signed out"
    return warn(message, fix or _FIX_OF_SESSIONS)


_FIX_OF_SESSIONS = (
    "Let your app end them when it gets the webhook password.changed. Then add a column of it to"
    ' [accounts.table.ends] with what = "sessions" and when = "never", so that no email says that '
    "Keyturn ended them."
)
_FIX_WITHOUT_OWNER = (
    "Let your app end them when it gets the webhook account.secured. Then add a column of it to "
    "[accounts.table.ends]"
    ' with when = "never".'
)
