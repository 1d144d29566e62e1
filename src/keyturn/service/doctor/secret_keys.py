"""Checks whether previous secret keys are still needed to open sealed data. Changes nothing."""

from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding
from keyturn.service.database import Database
from keyturn.service.doctor.database import missing_file
from keyturn.service.outbox import Seal
from keyturn.service.outbox.history import mails_sealed_otherwise
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.settings import Settings

_NAME = "keys"


def previous_keys(settings: Settings) -> Sequence[str]:
    """Return the previous keys; none if there is no current key."""
    newest = settings.secret_key
    return [key for key in settings.previous_secret_keys if newest and key != newest]


async def check_previous_keys(settings: Settings) -> list[Finding]:
    """Count the data that the newest key does not open. Signed data is not stored, and expires within ten minutes."""
    try:
        if missing_file(settings.database.url):
            return [_UNREACHED]
        database = Database(settings.database.url, schema=settings.database.schema, timeout=settings.database.timeout)
    except SettingsInvalid:
        return [_UNREACHED]
    try:
        factors = BuiltinFactors(database, None, [settings.secret_key, *previous_keys(settings)])
        previous, lost = await factors.count_sealed_otherwise()
        waiting = await mails_sealed_otherwise(database, Seal([settings.secret_key]))
    except (DatabaseUnready, DBAPIError, SettingsInvalid):
        return [_UNREACHED]
    finally:
        await database.close()
    return [*_needs(previous, lost, waiting)] or [_NOT_NEEDED]


def _needs(previous: int, lost: int, waiting: int) -> Iterator[Finding]:
    if previous:
        message = f"previous_secret_keys: the second factors of {_accounts(previous)} need one of them"
        yield Finding(_NAME, "warn", message, "Keep it. A factor that is set up again uses the current key.")
    if lost:
        message = f"no key decrypts the second factors of {_accounts(lost)}, so their owners cannot reset a password"
        mend = "Add their key to previous_secret_keys, or set the factors up again."
        yield Finding(_NAME, "warn", message, mend)
    if waiting:
        mails = f"{waiting:,} waiting mail{' needs' if waiting == 1 else 's need'}"
        mend = "Keep previous_secret_keys until a worker has sent them."
        yield Finding(_NAME, "warn", f"previous_secret_keys: {mails} one of them", mend)


def _accounts(count: int) -> str:
    return f"{count:,} account{'' if count == 1 else 's'}"


_UNREACHED = Finding(
    _NAME, "skip", "previous_secret_keys: the data that needs them was not counted", "Fix the database first."
)

# A key signs codes by mail (`codes.LIFE`), codes by SMS (`sms_codes.LIFE`) and puzzles.
_NOT_NEEDED = Finding(
    _NAME,
    "ok",
    "no stored data needs previous_secret_keys: remove them when every process has run with the current key for 10 "
    "minutes",
)
