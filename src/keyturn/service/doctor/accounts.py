"""Checks that the accounts are where the settings say, and in the form that they say."""

from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding, fail, ok, warn
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


async def check_accounts(settings: Settings) -> list[Finding]:
    """Check the store of the settings. Creates nothing that is missing."""
    try:
        async with opened(settings) as database:
            if not settings.accounts.table.url and (missing := accounts_file(settings)):
                return [fail(f"{missing} does not exist", WRONG_PATH)]
            return await _check(settings, database)
    except SettingsInvalid as error:
        return [Finding("", "skip", "not checked", f"Fix this first: {error.faults[0]}.")]


async def _check(settings: Settings, database: Database) -> list[Finding]:
    try:
        store = accounts_for(settings, database)
        try:
            await store.require_ready()
            findings = await store.findings(settings.hashing)
        finally:
            await store.close()
    except SettingsInvalid as error:
        return [fail(str(fault), _FIX_OF_FAULT) for fault in error.faults]
    except (AccountsUnready, DatabaseUnready) as error:
        return [fail(str(error), _fix_of_unready(settings))]
    except DBAPIError as error:
        sentence = f"the database of the accounts reports an error: {describe_error(error)}"
        return [fail(sentence, _fix_of_unready(settings))]
    message = "sign_in_url: Keyturn's sign-in page does not work with this store"
    doubt = warn(message, "Set sign_in_url to your app's sign-in page.")
    is_doubtful = hosted_path(settings.sign_in_page) and not store.offers(AccountStore.password_hash)
    fine = ok(f"the store {settings.accounts.store} matches the settings")
    return [fine, *findings, *([doubt] if is_doubtful else [])]


def _fix_of_unready(settings: Settings) -> str:
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
    """Name the tables of passkeys, tokens and keys that no setting ends (CWE-613), if the database can be read."""
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
            f"Add to [accounts.table.ends]: `{ending_line(entry, ending)}`. If your app ends them, set"
            ' when = "never" there.'
        )
        for entry, ending in endings(tables[name], tables)
    }
    alive = [one for one, what in lasting(mapped, tables).items() if what != "sessions"]
    message = "{}: its rows may let an intruder in after a new password"
    return [
        warn(message.format(one), fixes.get(one, _FIX_WITHOUT_OWNER))
        for one in sorted(alive, key=lambda one: one not in fixes)
    ]


_FIX_WITHOUT_OWNER = (
    "Let your app end them when it gets the webhook account.secured. Then add a column of it to [accounts.table.ends]"
    ' with when = "never".'
)
