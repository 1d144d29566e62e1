"""Checks that the accounts are where the settings say, and in the form that they say."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error
from keyturn.service.doctor.database import WRONG_PATH, accounts_file, opened
from keyturn.service.onboarding.guesses import endings, lasting
from keyturn.service.onboarding.settings_file import ending_line
from keyturn.service.onboarding.survey import app_database, tables_in, tables_of_its_app
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path

_FIX_OF_FAULT = "Correct the setting, or the table. Keyturn does not start before that."

_PATIENCE = 10
"""Seconds for optional checks."""


async def check_accounts(settings: Settings) -> list[Finding]:
    """Check the store of the settings. Creates nothing that is missing."""
    try:
        async with opened(settings) as database:
            return await _check(settings, database)
    except SettingsInvalid as error:
        return [Finding("accounts", "skip", "not checked", f"Fix this first: {error.faults[0]}.")]


async def _check(settings: Settings, database: Database) -> list[Finding]:
    if not settings.accounts.table.url and (missing := accounts_file(settings)):
        return [Finding("accounts", "fail", f"{missing} does not exist", WRONG_PATH)]
    try:
        store = accounts_for(settings, database)
        try:
            await store.require_ready()
            findings = await _findings(store, settings)
        finally:
            await store.close()
    except SettingsInvalid as error:
        return [Finding("accounts", "fail", str(fault), _FIX_OF_FAULT) for fault in error.faults]
    except (AccountsUnready, DatabaseUnready) as error:
        return [Finding("accounts", "fail", str(error), _fix_of_unready(settings))]
    except DBAPIError as error:
        sentence = f"the database of the accounts reports an error: {describe_error(error)}"
        return [Finding("accounts", "fail", sentence, _fix_of_unready(settings))]
    all_findings = [Finding("accounts", "ok", f"the store {settings.accounts.store} matches the settings"), *findings]
    if hosted_path(settings.sign_in_page) and not store.offers(AccountStore.password_hash):
        message = "sign_in_url: Keyturn's sign-in page does not work with this store"
        all_findings.append(Finding("accounts", "warn", message, "Set sign_in_url to your app's sign-in page."))
    return all_findings


async def _findings(store: AccountStore, settings: Settings) -> Sequence[Finding]:
    """Return what the store says of itself; nothing if it does not in time."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await store.findings(settings.hashing)
    except (AccountsUnready, DatabaseUnready, TimeoutError):
        return ()


def _fix_of_unready(settings: Settings) -> str:
    """Return the fix, and what does not work until then."""
    table = settings.accounts.table
    if settings.accounts.store == "ldap":
        fix = "Start a server of the directory, or correct accounts.ldap.servers. SSL_CERT_FILE names all authorities."
    elif settings.accounts.store == "table":
        place = "accounts.table.url" if table.url else "database.url"
        fix = f"Start its database, correct {place}, or let its user read and write the table {table.table}."
        if accounts_file(settings):
            fix = f"The path in {place} is wrong: correct it, or start Keyturn in the folder that it is relative to."
    else:
        fix = "Start it, or correct [accounts]."
    return f"{fix} Until then, Keyturn sends no links and answers resets with 503."


async def check_credentials(settings: Settings) -> list[Finding]:
    """Name the tables of passkeys, tokens and keys that no setting ends (CWE-613).

    Nothing is named if the database cannot be read, or if the accounts are in no table of it.
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
    lines = {entry.rpartition(".")[0]: ending_line(entry, ending) for entry, ending in endings(tables[name], tables)}
    alive = [one for one, what in lasting(mapped, tables).items() if what != "sessions"]
    message = "{}: its rows may let an intruder in after a new password"
    return [
        Finding("credentials", "warn", message.format(one), _fix_of_ends(lines.get(one, "")))
        for one in sorted(alive, key=lambda one: one not in lines)
    ]


def _fix_of_ends(line: str) -> str:
    """Return what to do about a table. `line`: its ending; "" if no column shows whose the rows are."""
    if line:
        return f'Add to [accounts.table.ends]: `{line}`. If your app ends them, set when = "never" there.'
    return (
        "Let your app end them when it gets the webhook account.secured. Then add a column of it to"
        ' [accounts.table.ends] with when = "never".'
    )
