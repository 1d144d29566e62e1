"""accounts: add to and list the built-in store; look somebody up in any, invite, ask for a new password, unlock."""

import sys
from typing import Any

import click
import msgspec

from keyturn import addresses
from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account, ListsAwaiting
from keyturn.cli.account_resets import reset, unlock
from keyturn.cli.installation import installation
from keyturn.cli.options import OPERATOR, operator_named
from keyturn.cli.second_factors import phone, recovery_codes, totp
from keyturn.cli.terminal import accent, muted, print_json, table
from keyturn.cli.with_parts import with_parts
from keyturn.errors import KeyturnError
from keyturn.parts import Parts

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
def list_accounts(as_json: bool) -> None:
    """List the accounts."""

    async def work(parts: Parts) -> None:
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

    with_parts(work)


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
    """Return who can be written to and awaits a password, each address once."""
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
    """Return why an address cannot be invited; "" where it can."""
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
