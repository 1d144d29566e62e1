"""Checks that the accounts are where the settings say, and in the form that they say."""

import asyncio
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from keyturn.accounts.builtin import AccountRow, BuiltinAccounts
from keyturn.accounts.choosing import accounts_for
from keyturn.accounts.port import AccountStore, KnowsHashes
from keyturn.database import Database
from keyturn.database.unready import describe_error
from keyturn.doctor.database import MISSING_RIGHT, WRONG_PATH, accounts_file, mend_of_server, missing_file
from keyturn.errors import Fault, SettingsInvalid
from keyturn.finding import Finding
from keyturn.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.settings import Settings, hosted_path
from keyturn.settings.url_rules import database_kind

_COUNTED = 100_000
"""Accounts; counting stops here."""

_PATIENCE = 10
"""Seconds for optional checks."""


async def check_accounts(settings: Settings, given: AccountStore | None = None) -> list[Finding]:
    """Check the app's own store, or the one in the settings. Creates nothing that is missing."""
    try:
        database = Database(settings.database.url, schema=settings.database.schema, timeout=settings.database.timeout)
    except SettingsInvalid as error:
        return [Finding("accounts", "skip", "not checked", f"Mend this first: {error.faults[0]}.")]
    if settings.accounts.store == "builtin" and isinstance(given, BuiltinAccounts | None):
        return [await _builtin(settings, database)]
    if not given and not settings.accounts.table.url and (missing := accounts_file(settings)):
        return [Finding("accounts", "fail", f"there is no {missing}", WRONG_PATH)]
    try:
        store = given or accounts_for(settings, database)
        try:
            await store.require_ready()
            times = await _resolved(store, settings) + await _times(store)
            doubts = await _doubts(store, settings)
        finally:
            await store.close()
    except SettingsInvalid as error:
        return [Finding("accounts", "fail", str(fault), _mend_fault(fault, settings)) for fault in error.faults]
    except (AccountsUnready, DatabaseUnready) as error:
        return [Finding("accounts", "fail", str(error), _mend_unready(error, settings))]
    except DBAPIError as error:
        said = f"the database of the accounts refuses: {describe_error(error)}"
        return [Finding("accounts", "fail", said, _mend_unready(error, settings))]
    finally:
        await database.close()
    found = [Finding("accounts", "ok", f"the store {settings.accounts.store} is as the settings say{times}"), *doubts]
    if hosted_path(settings.sign_in_page) and not isinstance(store, KnowsHashes):
        message = "sign_in_url: nobody can sign in on Keyturn's own page with this store"
        mend = "Set sign_in_url to the page where people sign in to your app."
        found.append(Finding("accounts", "warn", message, mend))
    return found


def _mend_fault(fault: Fault, settings: Settings) -> str:
    # PostgreSQL says "permission denied", and MySQL "SELECT command denied".
    mend = (
        MISSING_RIGHT.format(**_place(settings))
        if "denied" in fault.message
        else "Do what it says, or correct the setting."
    )
    return f"{mend} Nothing starts before that."


def _mend_unready(error: Exception, settings: Settings) -> str:
    """Return the fix, and what does not work until then."""
    mend, place = "", _place(settings)
    if settings.accounts.store == "table":
        mend = mend_of_server(error, **place) or _mend_unreached(settings, place["address"])
    return f"{mend} Until then, no link is sent and every reset is answered with 503.".lstrip()


def _mend_unreached(settings: Settings, address: str) -> str:
    if database_kind(settings.accounts.table.url or settings.database.url) != "sqlite":
        return f"Start its server, or correct {address}."
    if accounts_file(settings):
        return f"The path in {address} is wrong: correct it, or start in the folder that it begins at."
    return f"Correct {address}, or give the user who runs Keyturn the right to read and to write the file."


def _place(settings: Settings) -> Mapping[str, str]:
    table = settings.accounts.table
    return {"address": "accounts.table.url" if table.url else "database.url", "tables": f"the table {table.table}"}


async def _builtin(settings: Settings, database: Database) -> Finding:
    """Return the number of accounts in the built-in store. Does not create a missing database."""
    unknown = Finding("accounts", "skip", "the store builtin: not counted", "Mend the database first.")
    if missing_file(settings.database.url):
        return unknown
    try:
        some = select(AccountRow.id).limit(_COUNTED + 1).subquery()
        (found,) = await database.fetch(select(func.count().label("count")).select_from(some))
        count: int = found["count"]
    except (DatabaseUnready, DBAPIError, SettingsInvalid):
        return unknown
    finally:
        await database.close()
    number = f"more than {_COUNTED:,}" if count > _COUNTED else f"{count:,}"
    return Finding("accounts", "ok", f"the store builtin, with {number} account{'' if count == 1 else 's'}")


async def _resolved(store: AccountStore, settings: Settings) -> str:
    """Return the table in use as the end of a sentence, if several schemas have a table of that name."""
    from keyturn.accounts.table.store import TableAccounts

    if not isinstance(store, TableAccounts):
        return ""
    table = await store.resolved_table()
    return "" if table == settings.accounts.table.table else f"; the table is {table}"


async def _times(store: AccountStore) -> str:
    """Return the values that a change writes into columns of times, as the end of a sentence."""
    from keyturn.accounts.table.store import TableAccounts

    times = await store.written_times() if isinstance(store, TableAccounts) else {}
    return "".join(f"; {column} becomes {written.shown}" for column, written in times.items())


async def _doubts(store: AccountStore, settings: Settings) -> list[Finding]:
    """Return warnings about an app's table; none if it cannot be read in time."""
    from keyturn.accounts.table.store import TableAccounts

    if not isinstance(store, TableAccounts):
        return []
    try:
        async with asyncio.timeout(_PATIENCE):
            doubts = await store.doubts()
            written = (await store.hash_doubt(settings.hashing), await store.time_doubt())
    except (AccountsUnready, DatabaseUnready, TimeoutError):
        return []
    found = [Finding("accounts", "warn", one.message, one.mend) for one in written if one]
    if doubts.unread:
        message = f"accounts.table.active: the column holds {doubts.unread!r}, which counts as active"
        mend = 'Name the values that are active, as in: active = "status = active | invited".'
        found.append(Finding("accounts", "warn", message, mend))
    if doubts.shares_addresses:
        message = "accounts.table.email: some active accounts share an address, in capital and small letters or alike"
        mend = "Only one of them can be reset; the log names them as accounts.ambiguous. Make lower(email) unique."
        found.append(Finding("accounts", "warn", message, mend))
    return found
