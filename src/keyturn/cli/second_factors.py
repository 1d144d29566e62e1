"""accounts totp, recovery-codes and phone: second factors that Keyturn itself keeps."""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from keyturn.cli.options import ADDRESS, OPERATOR, account_of, takes_container
from keyturn.cli.terminal import CommandRefused, accent, muted
from keyturn.service import identifiers
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.container import Container
from keyturn.service.event_loop import prompting
from keyturn.service.one_time_secrets import Purpose

if TYPE_CHECKING:
    from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
    from keyturn.service.reset.proofs.second_step.required_step import RequiredStep

_TRIES = 3  # codes that the user may enter until one is valid


@click.command()
@ADDRESS
@click.option("--remove", is_flag=True, help="Remove all second factors, and the recovery codes.")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@OPERATOR
@takes_container
async def totp(container: Container, email: str, remove: bool, yes: bool, operator: Client) -> None:
    """Set up an authenticator app for an account.

    Shows a QR code (with the extra `qr`) or an address, asks for a code from the app, and prints
    recovery codes. Resets and sign-ins ask for the app's codes only after you enter a valid code,
    so an unfinished set-up locks no user out. The owner gets an email.

    \b
    Example:  keyturn accounts totp ada@northwind.example
              keyturn accounts totp ada@northwind.example --remove --as grace
    """
    step = _own_step(container)
    factors = _kept_here(container, step)
    account = await account_of(container, email)
    if remove:
        if not yes:
            with prompting():
                click.confirm(
                    f"{account.email} will need no code any more. Remove the second factors?",
                    abort=True,
                )
        if await step.factors(None, account):
            await step.change(account, operator, "factors_removed", factors.remove)
            click.echo(f"{account.email} no longer has a second factor.")
        else:
            click.echo(f"{account.email} has no second factor.")
        return
    from keyturn.service.reset.proofs.second_step.totp import SEED_BYTES

    seed = os.urandom(SEED_BYTES)
    _show(seed, account.email, container.settings.brand.name)
    set_up = partial(factors.set_up, seed=seed, step=_require_code(seed))
    codes = await step.change(account, operator, "totp_set", set_up)
    click.echo(
        f"From now on, resets and sign-ins for {accent(account.email)} ask for a code from this "
        "app.\n"
    )
    _print_recovery_codes(codes)


@click.command(name="recovery-codes")
@ADDRESS
@OPERATOR
@takes_container
async def recovery_codes(container: Container, email: str, operator: Client) -> None:
    """Print new recovery codes for an account.

    The account must have a second factor. Its earlier recovery codes stop working.

    \b
    Example:  keyturn accounts recovery-codes ada@northwind.example
    """
    step = _own_step(container)
    account = await account_of(container, email)
    if not await step.factors(None, account):
        raise CommandRefused(
            f"{account.email} has no second factor: set one up first, then print recovery codes"
        )
    from keyturn.service.reset.proofs.second_step.recovery_codes import renew_recovery_codes

    codes = await step.change(account, operator, "recovery_codes_set", renew_recovery_codes)
    _print_recovery_codes(codes)


def _phone_number(_: click.Context, __: click.Parameter, text: str) -> str:
    number = identifiers.e164(text)
    if not number:
        raise CommandRefused("NUMBER: must be a full number such as +447700900123")
    return number


@click.command()
@ADDRESS
@click.argument("number", callback=_phone_number)
@OPERATOR
@takes_container
async def phone(container: Container, email: str, number: str, operator: Client) -> None:
    """Set the phone that gets an account's codes.

    First make sure that the number belongs to the account's owner (ASVS 6.6.1).

    \b
    Example:  keyturn accounts phone ada@northwind.example '+44 7700 900123'
    """
    step = _own_step(container)
    factors = _kept_here(container, step)
    if not container.settings.second_step.sms.account:
        raise CommandRefused(
            "second_step.sms.account is not set, so no code could be sent: set it first"
        )
    account = await account_of(container, email)
    set_phone = partial(factors.set, kind=Purpose.PHONE, factor=number.encode())
    await step.change(account, operator, "phone_set", set_phone)
    click.echo(
        f"From now on, resets and sign-ins for {accent(account.email)} can send a code to {number}."
    )


def _own_step(container: Container) -> "RequiredStep":
    step = container.second_step
    if step is None or step.own is None:
        raise CommandRefused(
            f'second_step.source is "{container.settings.second_step.source}": '
            'this command needs "builtin", or "table" for recovery codes'
        )
    return step


def _kept_here(container: Container, step: "RequiredStep") -> "BuiltinFactors":
    if step.builtin is None:
        raise CommandRefused('second_step.source is "table": set second factors up in your app')
    if not container.settings.secret_key:
        raise CommandRefused(
            "KEYTURN_SECRET_KEY is not set, so the factor could not be read again: set the key "
            "first"
        )
    return step.builtin


def _show(seed: bytes, email: str, brand: str) -> None:
    from keyturn.service.reset.proofs.second_step.totp import base32, otpauth_uri

    uri = otpauth_uri(seed, email, brand)
    try:
        import segno
    except ModuleNotFoundError:
        click.echo(
            "Open this address on the device that has the authenticator app of "
            f"{accent(email)}:\n\n{uri}\n"
        )
        click.echo(muted("For a QR code in its place: pip install 'keyturn[qr]'"))
    else:
        click.echo(f"Scan this code with the authenticator app of {accent(email)}:\n")
        # If the terminal has no half blocks, the user can type the key below.
        with suppress(UnicodeEncodeError):
            segno.make(uri, error="m", micro=False).terminal(compact=True)
    key = base32(seed)
    groups = [key[start : start + 4] for start in range(0, len(key), 4)]
    click.echo(f"\n{muted('or enter this key:')} {' '.join(groups)}\n")


def _require_code(seed: bytes) -> int:
    """Ask for a valid code, and return its time step, which then counts as used (ASVS 6.5.1)."""
    from keyturn.service.reset.proofs.second_step.totp import totp_step

    for _ in range(_TRIES):
        with prompting():
            code = click.prompt("Code from the app", type=str)
        step = totp_step(seed, code, now())
        if step is not None:
            return step
        click.echo(
            "Wrong code. Check that the phone's clock is right, and try the next code.", err=True
        )
    raise CommandRefused("no code was valid, so nothing was changed")


def _print_recovery_codes(codes: Sequence[str]) -> None:
    click.echo(
        "Recovery codes: each works once, without the phone. Print them now: they are not shown "
        "again.\n"
    )
    for code in codes:
        click.echo(f"  {code}")
