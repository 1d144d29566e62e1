"""accounts: add to and list the built-in store, and look somebody up in any."""

import sys

import click
import msgspec

from keyturn import addresses
from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import Account
from keyturn.cli.terminal import accent, muted, print_json, table
from keyturn.cli.with_parts import with_parts
from keyturn.errors import KeyturnError
from keyturn.parts import Parts


class StoreNotBuiltin(KeyturnError):
    """The accounts are somewhere else, so no command here may change them."""


class NoSuchAccount(KeyturnError):
    """There is no account with that address."""


@click.group()
def accounts() -> None:
    """Look an account up, in whatever store; add to and list the built-in one."""


@accounts.command()
@click.argument("email")
@click.option("--name", default="", help="The name that mails greet.")
@click.option("--kind", default="", help="For example viewer or school: chooses the settings page.")
@click.option("--provider", default="", help="Who signs the account in where it has no password, for example Google.")
@click.option("--locale", default="", help="The language of its mails, for example de.")
@click.option("--disabled", is_flag=True, help="It exists, cannot sign in and gets no mail.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, up to its line end.")
def add(email: str, name: str, kind: str, provider: str, locale: str, disabled: bool, password_stdin: bool) -> None:
    """Add an account. Without --password-stdin it has no password until somebody resets it.

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
        account = await _builtin(parts).add(
            Account(id="", email=email, name=name, kind=kind, provider=provider, locale=locale, active=not disabled),
            hashed,
        )
        click.echo(f"Added {accent(account.email)} with id {account.id}.")

    with_parts(work)


@accounts.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def list_accounts(as_json: bool) -> None:
    """List the accounts."""

    async def work(parts: Parts) -> None:
        found = await _builtin(parts).list()
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
                    "active" if account.active else "disabled",
                )
                for account in found
            ],
            "No accounts yet: add one with `keyturn accounts add EMAIL`.",
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


def _format_value(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _builtin(parts: Parts) -> BuiltinAccounts:
    if not isinstance(parts.accounts, BuiltinAccounts):
        raise StoreNotBuiltin(
            f"the accounts are in the store {parts.settings.accounts.store}, which is not Keyturn's to write to;"
            " `keyturn accounts find EMAIL` shows one"
        )
    return parts.accounts
