"""accounts: add to and list the built-in store."""

import sys

import click
import msgspec

from keyturn.accounts.port import Account
from keyturn.cli.terminal import accent, table
from keyturn.cli.with_parts import with_parts
from keyturn.parts import Parts


@click.group()
def accounts() -> None:
    """Add to and list the built-in account store."""


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

    \b
    Example:  printf '%s' "$PASSWORD" | keyturn accounts add ada@northwind.example --name Ada --password-stdin
    """
    password = sys.stdin.readline().removesuffix("\n") if password_stdin else None

    async def work(parts: Parts) -> None:
        hashed = None
        if password is not None:
            parts.policy.require(password, email)
            hashed = await parts.hasher.hash(password)
        account = await parts.accounts.add(
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
        found = await parts.accounts.list()
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
            return
        table(
            ("EMAIL", "NAME", "KIND", "SIGNS IN WITH", "STATE"),
            [
                (
                    account.email,
                    account.name,
                    account.kind,
                    account.provider or ("password" if account.has_password else "-"),
                    "active" if account.active else "disabled",
                )
                for account in found
            ],
            "No accounts yet: add one with `keyturn accounts add EMAIL`.",
        )

    with_parts(work)
