"""Checks whether previous secret keys are still needed to open sealed data. Changes nothing."""

import asyncio
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from keyturn.database import Database
from keyturn.doctor.database import missing_file
from keyturn.errors import SettingsInvalid
from keyturn.finding import Finding
from keyturn.outbox import Seal
from keyturn.outbox.history import mails_sealed_otherwise
from keyturn.problems.requests import DatabaseUnready
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors, SealedAgain
from keyturn.settings import Settings

_PATIENCE = 4
"""Seconds: `secrets rotate` counts large tables without a limit."""

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
    factors = BuiltinFactors(database, [settings.secret_key, *previous_keys(settings)])
    try:
        async with asyncio.timeout(_PATIENCE):
            batches = [counts async for counts in factors.seal_again(writing=False)]
            seal = Seal([settings.secret_key])
            waiting = await mails_sealed_otherwise(database, seal)
    except TimeoutError:
        message = f"previous_secret_keys: could not count the data that needs them within {_PATIENCE} s"
        return [Finding(_NAME, "warn", message, "Run `keyturn secrets rotate` to learn whether they are needed.")]
    except (DatabaseUnready, DBAPIError, SettingsInvalid):
        return [_UNREACHED]
    finally:
        await database.close()
    return [*_needs(batches[-1] if batches else SealedAgain(), waiting)] or [_NOT_NEEDED]


def _needs(counts: SealedAgain, waiting: int) -> Iterator[Finding]:
    if counts.sealed:
        message = f"previous_secret_keys: the second factors of {_accounts(counts.sealed)} need one of them"
        mend = "Run `keyturn secrets rotate`, which encrypts the factors with the current key."
        yield Finding(_NAME, "warn", message, mend)
    if lost := len(counts.unreadable):
        message = f"no key decrypts the second factors of {_accounts(lost)}, so their owners cannot reset a password"
        mend = "Add their key to previous_secret_keys. `keyturn secrets rotate` lists the accounts."
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

# A key signs codes by mail (`codes.LIFE`), codes by SMS (the rule of `second_step.sms.ttl`) and puzzles.
_NOT_NEEDED = Finding(
    _NAME,
    "ok",
    "no stored data needs previous_secret_keys: remove them when every process has run with the current key for 10 "
    "minutes",
)
