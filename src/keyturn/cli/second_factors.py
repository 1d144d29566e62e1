"""accounts totp, accounts phone, accounts recovery-codes: second factors that Keyturn keeps itself."""

import os
from contextlib import suppress

import click

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.cli.options import OPERATOR, operator_named
from keyturn.cli.terminal import accent, muted
from keyturn.cli.with_parts import with_parts
from keyturn.database import now
from keyturn.errors import Fault, KeyturnError
from keyturn.parts import Parts
from keyturn.problems.requests import InputInvalid
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.reset.proofs.second_step.port import phone_number
from keyturn.reset.proofs.second_step.totp import SEED_BYTES, base32, otpauth_uri, totp_step
from keyturn.reset.records.client import Client

_CODES_ASKED_FOR = 3


class FactorNotKept(KeyturnError):
    """Keyturn keeps no such factor, as the settings are, or nobody has proved to have it."""


@click.command()
@click.argument("email")
@click.option("--remove", is_flag=True, help="Forget all second factors of the account instead, recovery codes too.")
@click.option("--yes", is_flag=True, help="Remove them without a question before.")
@OPERATOR
def totp(email: str, remove: bool, yes: bool, operator: str) -> None:
    """Set up an authenticator app for an account.

    Shows a QR code, asks for a code, and prints recovery codes.

    It counts once a code of the app was right, so that nobody is locked out by half a set-up.

    \b
    Example:  keyturn accounts totp ada@northwind.example
              keyturn accounts totp ada@northwind.example --remove --as grace
    """
    client = operator_named(operator)

    async def work(parts: Parts) -> None:
        step, factors = _kept_here(parts)
        account = await _account(parts, email)
        if remove:
            if not yes:
                click.confirm(f"Then a link alone sets the password of {account.email}. Go on?", abort=True)
            removed = await factors.remove(account.id)
            await _audit(parts, account, "factors_removed", client)
            click.echo(f"{account.email} has no second factor{' any more' if removed else ''}.")
            return
        seed = os.urandom(SEED_BYTES)
        _show(seed, account.email, parts.settings.brand.name)
        taken = _require_code(seed)
        await step.note_totp_step(account.id, taken)
        await factors.set_seed(account.id, seed)
        await _audit(parts, account, "totp_set", client)
        click.echo(f"From now on a reset for {accent(account.email)} asks for a code of this app.\n")
        await _print_recovery_codes(parts, step, account, client)

    with_parts(work)


@click.command(name="recovery-codes")
@click.argument("email")
@OPERATOR
def recovery_codes(email: str, operator: str) -> None:
    """Print new recovery codes for an account.

    The account has a second factor. Its earlier recovery codes end.
    """
    client = operator_named(operator)

    async def work(parts: Parts) -> None:
        step, account = _own_step(parts), await _account(parts, email)
        if not await step.factors(account):
            raise FactorNotKept(f"{account.email} has no second factor that a recovery code could stand in for")
        await _print_recovery_codes(parts, step, account, client)

    with_parts(work)


@click.command()
@click.argument("email")
@click.argument("number")
@OPERATOR
def phone(email: str, number: str, operator: str) -> None:
    """Set the phone that an account's codes go to.

    It must be known to belong to the account's owner (ASVS 6.6.1).

    \b
    Example:  keyturn accounts phone ada@northwind.example '+44 7700 900123'
    """
    try:
        plain = phone_number(number)
    except ValueError as error:
        raise InputInvalid(Fault("NUMBER", str(error))) from None
    client = operator_named(operator)

    async def work(parts: Parts) -> None:
        _, factors = _kept_here(parts)
        if not parts.settings.second_step.sms.transport:
            raise FactorNotKept("second_step.sms.transport is not set: no message would ever be sent")
        account = await _account(parts, email)
        await factors.set_phone(account.id, plain)
        await _audit(parts, account, "phone_set", client)
        click.echo(f"From now on a reset for {accent(account.email)} can ask for a code that goes to {plain}.")

    with_parts(work)


def _own_step(parts: Parts) -> OwnSecondStep:
    step = parts.second_step.step if parts.second_step else None
    if not isinstance(step, OwnSecondStep):
        raise FactorNotKept(
            f'second_step.source is "{parts.settings.second_step.source}". To keep second factors, set it to "builtin"'
            ' or "table".'
        )
    return step


def _kept_here(parts: Parts) -> tuple[OwnSecondStep, BuiltinFactors]:
    step = _own_step(parts)
    if not isinstance(step.source, BuiltinFactors):
        raise FactorNotKept('second_step.source is "table": the app keeps the factors, and sets them up')
    if not parts.settings.secret_key:
        raise FactorNotKept("KEYTURN_SECRET_KEY is not set: what it seals could not be opened again")
    return step, step.source


async def _account(parts: Parts, email: str) -> Account:
    address = addresses.parse(email)
    await parts.accounts.require_ready()
    account = await parts.accounts.find(address)
    if account is None:
        raise FactorNotKept(f"there is no account with the address {address}")
    return account


def _show(seed: bytes, email: str, brand: str) -> None:
    import segno

    click.echo(f"Scan this with an authenticator app, for {accent(email)}:\n")
    with suppress(UnicodeEncodeError):  # a terminal without half blocks: the seed below can be typed
        segno.make(otpauth_uri(seed, email, brand), error="m", micro=False).terminal(compact=True)
    text = base32(seed)
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    click.echo(f"\n{muted('or type')} {groups}\n")


def _require_code(seed: bytes) -> int:
    """Return the step of a code that was right, which is used with that (ASVS 6.5.1)."""
    for _ in range(_CODES_ASKED_FOR):
        step = totp_step(seed, click.prompt("The code that the app shows", type=str), now())
        if step is not None:
            return step
        click.echo("That is not it. Is the clock of the phone right?", err=True)
    raise FactorNotKept("nothing was changed: no code was right")


async def _print_recovery_codes(parts: Parts, step: OwnSecondStep, account: Account, client: Client) -> None:
    codes = await step.recovery.mint(account.id)
    await _audit(parts, account, "recovery_codes_set", client)
    click.echo("Recovery codes, each for one reset without the phone. They are shown this once: print them.\n")
    for code in codes:
        click.echo(f"  {code}")


async def _audit(parts: Parts, account: Account, outcome: str, client: Client) -> None:
    await parts.audit.record(
        "second_step", outcome, client, at=now(), account_id=account.id, email=addresses.normalize(account.email)
    )
