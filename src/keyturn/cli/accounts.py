"""accounts: add and list built-in accounts; find, invite, reset and unlock accounts of any store."""

import os
import sys
from contextlib import suppress
from typing import Any

import click
import msgspec

from keyturn import addresses
from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account, ListsAwaiting
from keyturn.cli.account_resets import reset, unlock
from keyturn.cli.installation import installation
from keyturn.cli.options import OPERATOR, operator_named, takes_parts, with_parts
from keyturn.cli.terminal import accent, muted, print_json, table
from keyturn.database import now
from keyturn.errors import Fault, KeyturnError
from keyturn.parts import Parts
from keyturn.problems.requests import InputInvalid
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.reset.proofs.second_step.port import phone_number
from keyturn.reset.proofs.second_step.totp import SEED_BYTES, base32, otpauth_uri, totp_step
from keyturn.reset.records.client import Client

# accounts totp, phone, recovery-codes: second factors that Keyturn keeps itself


_CODES_ASKED_FOR = 3


class FactorNotKept(KeyturnError):
    """Keyturn keeps no such factor, as the settings are, or nobody has proved to have it."""


@click.command()
@click.argument("email")
@click.option("--remove", is_flag=True, help="Forget all second factors of the account instead, recovery codes too.")
@click.option("--yes", is_flag=True, help="Remove them without a question before.")
@OPERATOR
@takes_parts
async def totp(parts: Parts, email: str, remove: bool, yes: bool, operator: str) -> None:
    """Set up an authenticator app for an account.

    Shows a QR code, asks for a code, and prints recovery codes.

    It counts once a code of the app was right, so that nobody is locked out by half a set-up.

    \b
    Example:  keyturn accounts totp ada@northwind.example
              keyturn accounts totp ada@northwind.example --remove --as grace
    """
    client = operator_named(operator)
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


@click.command(name="recovery-codes")
@click.argument("email")
@OPERATOR
@takes_parts
async def recovery_codes(parts: Parts, email: str, operator: str) -> None:
    """Print new recovery codes for an account.

    The account has a second factor. Its earlier recovery codes end.
    """
    client = operator_named(operator)
    step, account = _own_step(parts), await _account(parts, email)
    if not await step.factors(account):
        raise FactorNotKept(f"{account.email} has no second factor that a recovery code could stand in for")
    await _print_recovery_codes(parts, step, account, client)


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
    with suppress(UnicodeEncodeError):  # without half blocks in the terminal, the user can type the seed below
        segno.make(otpauth_uri(seed, email, brand), error="m", micro=False).terminal(compact=True)
    text = base32(seed)
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    click.echo(f"\n{muted('or type')} {groups}\n")


def _require_code(seed: bytes) -> int:
    """Return the time step of a valid code, which so counts as used (ASVS 6.5.1)."""
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
    await parts.audit.record("second_step", outcome, client, account.id, addresses.normalize(account.email))


_NOT_ADDED = "are added here: add it in your app, and invite its owner with `keyturn accounts invite EMAIL`"


class StoreNotBuiltin(KeyturnError):
    """The accounts are somewhere else, so no command here may change them, or can list them."""


class NoSuchAccount(KeyturnError):
    """There is no account with that address."""


class NotInvited(KeyturnError):
    """No invitation was sent, since one of the addresses cannot be invited."""


@click.group()
def accounts() -> None:
    """Look an account up, invite it, ask it for a new password, unlock it; add to and list the built-in store."""


for second_factor in (totp, recovery_codes, phone):
    accounts.add_command(second_factor)


@accounts.command()
@click.argument("email")
@click.option("--name", default="", help="The name that mails greet.")
@click.option("--kind", default="", help="For example viewer or school: chooses the settings page.")
@click.option("--provider", default="", help="Who signs the account in where it has no password, for example Google.")
@click.option("--locale", default="", help="The language of its mails, for example de.")
@click.option("--timezone", default="", help="The zone of the times in its mails, for example Europe/Berlin.")
@click.option("--disabled", is_flag=True, help="It exists, cannot sign in and gets no mail.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, up to its line end.")
def add(*, email: str, disabled: bool, password_stdin: bool, **fields: Any) -> None:
    """Add an account. Without --password-stdin it is invited to choose its password.

    With --provider and no password it signs in there: a reset sends a mail that says so, and no link.

    \b
    Example:  printf '%s' "$PASSWORD" | keyturn accounts add ada@northwind.example --name Ada --password-stdin
    """
    password = sys.stdin.readline().removesuffix("\n") if password_stdin else None

    async def work(parts: Parts) -> None:
        hashed = None
        if password is not None:
            await parts.policy.require(password, email)
            hashed = await parts.hasher.hash(password)
        account = await _builtin(parts, _NOT_ADDED).add(
            Account(id="", email=email, active=not disabled, **fields), hashed
        )
        click.echo(f"Added {accent(account.email)} with id {account.id}.")
        if account.active and account.awaits_password:
            await parts.invitations.invite_all([account.email], operator_named(""))
            click.echo("An invitation to choose a password is on its way, as soon as a worker runs.")

    with_parts(work)


@accounts.command()
@click.argument("emails", metavar="EMAIL...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Every account without a password that signs in nowhere else.")
@OPERATOR
def invite(emails: tuple[str, ...], everybody: bool, operator: str) -> None:
    """Invite people to choose their first password, by mail.

    If one of them cannot be invited, no invitation is sent.

    \b
    Example:  keyturn accounts invite ada@northwind.example grace@northwind.example
    """
    if bool(emails) == everybody:
        raise click.UsageError("Name the addresses to invite, or use --all.")
    named = [addresses.parse(email) for email in emails]

    async def work(parts: Parts) -> None:
        await parts.accounts.require_ready()
        found = await _everybody_awaiting(parts) if everybody else named
        if faults := [fault for email in named if (fault := await _objection(parts, email))]:
            raise NotInvited("; ".join(faults))
        await parts.invitations.invite_all(found, operator_named(operator))
        if found:
            noun = "invitation" if len(found) == 1 else "invitations"
            click.echo(f"{len(found)} {noun} on the way, as soon as a worker runs.")
        else:
            click.echo("No account awaits a password.")

    with_parts(work)


accounts.add_command(reset)
accounts.add_command(unlock)


@accounts.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
@takes_parts
async def list_accounts(parts: Parts, as_json: bool) -> None:
    """List the accounts."""
    found = await _builtin(parts, "are listed; `keyturn accounts find EMAIL` shows one").list()
    if as_json:
        print_json(found)
        return
    table(
        ("EMAIL", "NAME", "KIND", "SIGNS IN WITH", "STATE"),
        [
            (
                account.email,
                account.name,
                account.kind,
                account.provider or "password",
                "active" if account.active else "locked" if account.locked else "disabled",
            )
            for account in found
        ],
        installation().named("No accounts yet: add one with `keyturn accounts add EMAIL`."),
    )


@accounts.command()
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def find(email: str, as_json: bool) -> None:
    """Show what Keyturn knows of an account, in whatever store."""
    address = addresses.parse(email)

    async def work(parts: Parts) -> None:
        await parts.accounts.require_ready()
        account = await parts.accounts.find(address)
        if account is None:
            raise NoSuchAccount(f"there is no account with the address {address}")
        if as_json:
            print_json(account)
            return
        known = msgspec.structs.asdict(account)
        width = max(map(len, known))
        for name, value in known.items():
            click.echo(f"{muted(name.replace('_', ' ').ljust(width))}  {_format_value(value)}".rstrip())

    with_parts(work)


async def _everybody_awaiting(parts: Parts) -> list[str]:
    """Return the addresses that can get mail and await a password, each once."""
    if not isinstance(parts.accounts, ListsAwaiting):
        raise NotInvited(
            f"the store {parts.settings.accounts.store} cannot tell who awaits a password;"
            " name them: `keyturn accounts invite EMAIL...`"
        )
    stored = await parts.accounts.awaiting_password()
    return list(
        dict.fromkeys(addresses.normalize(email) for email in stored if addresses.is_same_mailbox(email, email))
    )


async def _objection(parts: Parts, email: str) -> str:
    """Return why an address cannot be invited; "" if it can."""
    account = await parts.accounts.find(email)
    if account is None:
        return f"there is no account with the address {email}"
    if not account.active:
        return f"{email} is disabled"
    if account.has_password:
        return f"{email} has a password"
    return "" if account.awaits_password else f"{email} signs in with {account.provider or 'another service'}"


def _format_value(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _builtin(parts: Parts, otherwise: str) -> BuiltinAccounts:
    """Return the built-in store; `otherwise` ends the sentence "only accounts of the store builtin ..."."""
    if not isinstance(parts.accounts, BuiltinAccounts):
        raise StoreNotBuiltin(
            f"the accounts are in the store {parts.settings.accounts.store}, and only those of the store builtin"
            f" {otherwise}"
        )
    return parts.accounts
