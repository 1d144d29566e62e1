"""Checks the store of the accounts against the settings."""

from sqlalchemy.exc import DBAPIError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.check_result import CheckResult, fail, ok, skip, warn
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error
from keyturn.service.doctor.database import fix_of_address, opened
from keyturn.service.doctor.database_files import WRONG_PATH, missing_accounts_file
from keyturn.service.doctor.grants import all_grants, grant_for
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path


async def check_accounts(settings: Settings) -> list[CheckResult]:
    """Check the store of the accounts. A missing file is not created."""
    try:
        async with opened(settings) as database:
            if not settings.accounts.table.url:
                missing = missing_accounts_file(settings)
                if missing:
                    return [fail(f"{missing} does not exist", WRONG_PATH)]
            return await _check(settings, database)
    except SettingsInvalid as error:
        return [skip("not checked", f"Fix this first: {error.faults[0]}.")]


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
    checked = [ok(f"the store {settings.accounts.store} matches the settings"), *findings]
    has_own_page = hosted_path(settings.sign_in_page)
    if has_own_page and not store.offers(AccountStore.password_hash):
        message = "sign_in_url: Keyturn's sign-in page does not work with this store"
        checked.append(warn(message, "Set sign_in_url to your app's sign-in page."))
    return checked


def _fix_of_fault(fault: Fault, settings: Settings) -> str:
    fix = "Correct the setting, or the table."
    grant = grant_for(fault, settings)
    if grant:
        fix = f"Run as the owner of the tables: {grant}"
    return f"{fix} Keyturn does not start before that."


def _fix_of_unready(error: BaseException, settings: Settings) -> str:
    fix = "Start it, or correct [accounts]."
    if settings.accounts.store == "ldap":
        fix = (
            "Start a server of the directory, or correct accounts.ldap.servers. SSL_CERT_FILE "
            "names all authorities."
        )
    elif settings.accounts.store == "table":
        fix = _fix_of_table(error, settings)
    return f"{fix} Until then, Keyturn sends no links and answers resets with 503."


def _fix_of_table(error: BaseException, settings: Settings) -> str:
    setting = "accounts.table.url" if settings.accounts.table.url else "database.url"
    if missing_accounts_file(settings):
        return (
            f"The path in {setting} is wrong: correct it, or start Keyturn in the folder that it "
            "is relative to."
        )
    grants = all_grants(str(error), settings)
    if grants:
        return f"Run as the owner of the tables: {grants}"
    return fix_of_address(error, setting) or (
        f"Start its database, correct {setting}, or let its user read and write the table "
        f"{settings.accounts.table.table}."
    )
