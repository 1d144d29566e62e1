"""Checks whether stored data still needs an earlier secret key."""

from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.check_result import CheckResult, ok, skip, warn
from keyturn.service.database import Database
from keyturn.service.doctor.database import opened
from keyturn.service.doctor.database_files import missing_file
from keyturn.service.outbox.message import Seal
from keyturn.service.outbox.overview import count_unreadable_mails
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.settings import Settings

_NOT_CHECKED = skip("previous_secret_keys: not checked", "Fix the database first.")


async def check_previous_keys(settings: Settings) -> list[CheckResult]:
    """Count the stored data that only an earlier key decrypts.

    Signed data is not stored. It expires within ten minutes.
    """
    if missing_file(settings.database.url, "database.url"):
        return [_NOT_CHECKED]
    try:
        async with opened(settings) as database:
            findings = await _needs(database, settings)
    except (DatabaseUnready, DBAPIError, SettingsInvalid):
        return [_NOT_CHECKED]
    if findings:
        return findings
    # Ten minutes: a key also signs puzzles, and the codes of mails and of SMS
    # (`lifetimes.CODE_LIFE`).
    return [
        ok(
            "no stored data needs previous_secret_keys: remove them when every process has run "
            "with the current key for 10 minutes"
        )
    ]


async def _needs(database: Database, settings: Settings) -> list[CheckResult]:
    newest = settings.secret_key
    earlier = [key for key in settings.previous_secret_keys if key != newest]
    lost = await BuiltinFactors.count_unreadable(database, [newest, *earlier])
    by_earlier_key = await BuiltinFactors.count_unreadable(database, [newest]) - lost
    mails = await count_unreadable_mails(database, Seal([newest]))
    findings = []
    if by_earlier_key:
        what = "previous_secret_keys: accounts whose second factors need one of them"
        fix = "Keep it. A factor that is set up again uses the current key."
        findings.append(warn(f"{what}: {by_earlier_key:,}", fix))
    if lost:
        what = "accounts whose second factors no key decrypts"
        fix = "Add their key to previous_secret_keys, or set the factors up again."
        findings.append(warn(f"{what}, so their owners cannot reset a password: {lost:,}", fix))
    if mails:
        what = "previous_secret_keys: waiting mails that need one of them"
        fix = "Keep previous_secret_keys until a worker has sent them."
        findings.append(warn(f"{what}: {mails:,}", fix))
    return findings
