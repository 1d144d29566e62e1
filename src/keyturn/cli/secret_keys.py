"""secrets rotate: seals data again, so that a replaced secret key can leave the settings."""

from collections.abc import Iterator

import click
import msgspec

from keyturn.cli.options import JSON, takes_parts
from keyturn.cli.terminal import print_json
from keyturn.errors import KeyturnError
from keyturn.outbox import Seal
from keyturn.outbox.history import mails_sealed_otherwise
from keyturn.parts import Parts
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors, SealedAgain

_PASSES = 3
"""If a pass found accounts that other processes changed, another pass follows."""

_BETWEEN_REPORTS = 10_000
"""Accounts."""

_LISTED = 20
"""Ids in the sentence about factors that no key opens; `--json` has all of them."""


class KeysStillNeeded(KeyturnError):
    """Stored data still needs previous keys, or keys that are lost."""


@click.group()
def secrets() -> None:
    """Replace the secret key."""


@secrets.command()
@JSON
@takes_parts
async def rotate(parts: Parts, as_json: bool) -> None:
    """Encrypt second factors with the current secret key.

    First set a new KEYTURN_SECRET_KEY, add the old key to previous_secret_keys, and restart every process. Then run
    this command. The service can stay up, and you can stop the command and start it again. It exits with 1 if a
    previous key is still needed, or if no key decrypts the factors of an account.

    \b
    Example:  keyturn secrets rotate
    """
    if not parts.settings.secret_key:
        raise KeysStillNeeded(
            "KEYTURN_SECRET_KEY is not set, so encrypted factors could not be read again: set the key first"
        )
    counts = await _seal_factors_again(BuiltinFactors(parts.database, parts.secrets))
    waiting = await mails_sealed_otherwise(parts.database, Seal(parts.secrets[:1]))
    needed = bool(counts.unreadable or counts.changed or waiting)
    if as_json:
        print_json(msgspec.to_builtins(counts) | {"mails": waiting, "previous_keys_needed": needed})
    else:
        click.echo(f"Encrypted {counts.sealed:,} accounts with the current key; {counts.current:,} had it already.")
    if needed:
        raise KeysStillNeeded("\n".join(_reasons(counts, waiting)))
    if not as_json:
        click.echo("Stored second factors and waiting mails no longer need previous_secret_keys.")


async def _seal_factors_again(factors: BuiltinFactors) -> SealedAgain:
    """Return the counts of the last pass, with the total of sealed factors."""
    sealed, counts = 0, SealedAgain()
    for _ in range(_PASSES):
        reported, counts = 0, SealedAgain()
        async for counts in factors.seal_again():
            seen = counts.current + counts.sealed + counts.changed + len(counts.unreadable)
            if seen - reported >= _BETWEEN_REPORTS:
                click.echo(f"{seen:,} accounts ...", err=True)
                reported = seen
        sealed += counts.sealed
        if not counts.changed:
            break
    return msgspec.structs.replace(counts, sealed=sealed)


def _reasons(counts: SealedAgain, waiting: int) -> Iterator[str]:
    if counts.unreadable:
        ids = ", ".join(counts.unreadable[:_LISTED]) + (", ..." if len(counts.unreadable) > _LISTED else "")
        yield (
            f"no key decrypts the second factors of {len(counts.unreadable):,} accounts: {ids}. Add their key to "
            "previous_secret_keys, or set the factors up again"
        )
    if counts.changed:
        yield f"other processes changed {counts.changed:,} accounts at the same time: run this command again"
    if waiting:
        yield (
            f"{waiting:,} waiting mails are encrypted with another key: keep previous_secret_keys until a worker has "
            "sent them, then run this command again"
        )
