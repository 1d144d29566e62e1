"""accounts: finds and invites accounts of any store, and adds built-in ones."""

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec

from keyturn.cli.account_resets import REFUSED, link, reset, summary, unlock
from keyturn.cli.options import (
    ADDRESS,
    JSON,
    OPERATOR,
    REASON,
    account_of,
    operator_named,
    takes_container,
)
from keyturn.cli.second_factors import phone, recovery_codes, totp
from keyturn.cli.terminal import (
    CommandRefused,
    Entry,
    Row,
    accent,
    counted,
    facts,
    listing,
    print_json,
)
from keyturn.service import identifiers
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.container import Container
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.records.mailboxes import Refusal

_PAGE = 500  # mailboxes to look at in one statement


@click.group()
def accounts() -> None:
    """Find accounts, invite, send reset links, unlock."""


for command in (link, reset, unlock, totp, recovery_codes, phone):
    accounts.add_command(command)


@accounts.command()
@click.argument("email")
@click.option("--name", default="", help="The name in the greetings of emails.")
@click.option("--kind", default="", help="Chooses the settings page, for example viewer or school.")
@click.option(
    "--provider", default="", help="The service that signs the user in, for example Google."
)
@click.option("--locale", default="", help="Language of its emails, for example de.")
@click.option("--timezone", default="", help="Time zone in its emails, for example Europe/Berlin.")
@click.option("--disabled", is_flag=True, help="The user can neither sign in nor get emails.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
def add(*, email: str, disabled: bool, password_stdin: bool, **fields: Any) -> None:
    """Add an account to the built-in store.

    Without --password-stdin, Keyturn invites the user by email to choose a password. With
    --provider and no password, the user signs in with that service; a reset request then gets an
    email that says so, without a link.

    \b
    Example:  printf '%s' "$PASSWORD" |
              keyturn accounts add ada@northwind.example --password-stdin
    """
    # Before the event loop starts, which would delay Ctrl-C.
    password = sys.stdin.readline().removesuffix("\n") if password_stdin else None
    _add(Account(id="", email=email, active=not disabled, **fields), password)


@takes_container
async def _add(container: Container, new: Account, password: str | None) -> None:
    hashed = None
    if password is not None:
        await container.policy.require(password, new.email)
        hashed = await container.hasher.hash(password)
    store = _builtin(
        container, "can be added here. Add it in your app, then run `keyturn accounts invite EMAIL`"
    )
    account = await store.add(new, hashed)
    click.echo(f"Added {accent(account.email)} with id {account.id}.")
    if account.active and account.awaits_password:
        await container.invitations.invite_all([account.email], operator_named(""))
        click.echo("The worker will send an invitation to choose a password.")


@accounts.command()
@click.argument("emails", metavar="EMAIL...", nargs=-1)
@click.option(
    "--all",
    "everybody",
    is_flag=True,
    help="Invite every account without a password or other sign-in.",
)
@REASON
@OPERATOR
def invite(emails: tuple[str, ...], everybody: bool, reason: str, operator: Client) -> None:
    """Invite users by email to choose their first password.

    If one address cannot be invited, or gets no email now, no invitation is sent.

    \b
    Example:  keyturn accounts invite ada@northwind.example
              keyturn accounts invite --all --reason "Welcome to Algebra."
    """
    if bool(emails) == everybody:
        raise click.UsageError("Give the addresses to invite, or --all.")
    named = [identifiers.parse_address(email) for email in emails]
    _invite(named, operator, reason)


@takes_container
async def _invite(
    container: Container, named: Sequence[str], operator: Client, reason: str
) -> None:
    await container.accounts.require_ready()
    if named:
        await _require_invitable(container, named)
        invited = named
    else:
        invited = await _everybody_awaiting(container)
    if not invited:
        click.echo("No account is waiting for a first password.")
        return
    refusals = await _refusals(container, invited)
    if named and refusals:
        sentences = [REFUSED[why].format(email=email) for email, why in refusals.items()]
        raise CommandRefused("; ".join(sentences))
    free = [email for email in invited if email not in refusals]
    await container.invitations.invite_all(free, operator, reason)
    click.echo(f"The worker will send {counted(len(free), 'invitation')}.")
    if refusals:
        held_back = Counter[str](refusals.values())
        click.echo(
            f"Held back for now: {summary(held_back)}. Run the same command later to invite them."
        )


async def _require_invitable(container: Container, emails: Sequence[str]) -> None:
    """Raise CommandRefused if one of the addresses cannot be invited, with each reason."""
    objections = []
    for email in emails:
        objection = await _objection(container, email)
        if objection:
            objections.append(objection)
    if objections:
        raise CommandRefused("; ".join(objections))


async def _refusals(container: Container, emails: Sequence[str]) -> dict[str, Refusal]:
    """Return the mailboxes that get no email now, with the reason that the worker would find."""
    refusals = {}
    for first in range(0, len(emails), _PAGE):
        mailboxes = await container.mailboxes.look(emails[first : first + _PAGE])
        for email, mailbox in mailboxes.items():
            if mailbox.refusal:
                refusals[email] = mailbox.refusal
    return refusals


@accounts.command(name="list")
@JSON
@takes_container
async def list_accounts(container: Container, as_json: bool) -> None:
    """List the accounts of the built-in store.

    \b
    Example:  keyturn accounts list --json
    """
    store = _builtin(
        container, "can be listed. Show a single account with `keyturn accounts find EMAIL`"
    )
    entries = [msgspec.structs.asdict(account) for account in await store.list()]
    empty = "No accounts yet. Add one with `keyturn accounts add EMAIL`."
    listing(entries, _row, empty, as_json=as_json)


def _row(account: Entry) -> Row:
    if account["active"]:
        state = "active"
    elif account["locked"]:
        state = "locked"
    else:
        state = "disabled"
    return {
        "EMAIL": account["email"],
        "NAME": account["name"],
        "KIND": account["kind"],
        "SIGNS IN WITH": account["provider"] or "password",
        "STATE": state,
    }


@accounts.command()
@ADDRESS
@JSON
@takes_container
async def find(container: Container, email: str, as_json: bool) -> None:
    """Show an account, from any store.

    \b
    Example:  keyturn accounts find ada@northwind.example
    """
    account = msgspec.structs.asdict(await account_of(container, email))
    if as_json:
        print_json(account)
    else:
        facts(account)


async def _everybody_awaiting(container: Container) -> list[str]:
    stored = await container.accounts.awaiting_password()
    if stored is None:
        raise CommandRefused(
            f"the store {container.settings.accounts.store} cannot list accounts without a "
            "password: give their addresses, as in `keyturn accounts invite EMAIL...`"
        )
    emails: dict[str, None] = {}  # an ordered set
    for email in stored:
        with suppress(InputInvalid):  # no mail can be sent there
            emails[identifiers.parse_address(email)] = None
    return list(emails)


async def _objection(container: Container, email: str) -> str:
    """Return why an address cannot be invited; "" if it can be."""
    account = await container.accounts.find(email)
    if account is None:
        return f"there is no account with the address {email}"
    if not account.active:
        return f"{email} is disabled"
    if account.has_password:
        return f"{email} has a password already: send a link with `keyturn accounts reset {email}`"
    if not account.awaits_password:
        return f"{email} signs in with {account.provider or 'another service'}"
    return ""


def _builtin(container: Container, otherwise: str) -> BuiltinAccounts:
    """Return the built-in store. Raises CommandRefused if the accounts are elsewhere.

    `otherwise`: the end of the sentence "only accounts of the built-in store ...".
    """
    if not isinstance(container.accounts, BuiltinAccounts):
        raise CommandRefused(
            f"the accounts are in the store {container.settings.accounts.store}; "
            f"only accounts of the built-in store {otherwise}"
        )
    return container.accounts
