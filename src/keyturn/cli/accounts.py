"""accounts: finds and invites accounts of any store, adds built-in ones, sets up second factors."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

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
from keyturn.cli.terminal import Columns, CommandRefused, accent, facts, listing, muted, print_json
from keyturn.service import addresses
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.container import Container
from keyturn.service.event_loop import prompting
from keyturn.service.one_time_secrets import Purpose
from keyturn.service.reset.records.mailboxes import Refusal

if TYPE_CHECKING:
    from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
    from keyturn.service.reset.proofs.second_step.required_step import RequiredStep

_CODES_ASKED_FOR = 3
_PAGE = 500


@click.group()
def accounts() -> None:
    """Find accounts, invite, send reset links, unlock."""


for command in (link, reset, unlock):
    accounts.add_command(command)


@accounts.command()
@ADDRESS
@click.option("--remove", is_flag=True, help="Remove all second factors, and the recovery codes.")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@OPERATOR
@takes_container
async def totp(container: Container, email: str, remove: bool, yes: bool, operator: Client) -> None:
    """Set up an authenticator app for an account.

    Shows a QR code (with the extra `qr`) or an address, asks for a code from the app, and prints
    recovery codes. Resets and sign-ins ask for the app's codes only after you enter a valid code,
    so an unfinished set-up locks no user out. The owner gets a mail.

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
        had_one = bool(await step.factors(None, account))
        if had_one:
            await step.change(account, operator, "factors_removed", factors.remove)
        click.echo(f"{account.email} {'no longer has a' if had_one else 'has no'} second factor.")
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


@accounts.command(name="recovery-codes")
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

    _print_recovery_codes(
        await step.change(account, operator, "recovery_codes_set", renew_recovery_codes)
    )


def _phone_number(_: click.Context, __: click.Parameter, text: str) -> str:
    if number := addresses.e164(text):
        return number
    raise CommandRefused("NUMBER: must be a full number such as +447700900123")


@accounts.command()
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
        wrong = f'second_step.source is "{container.settings.second_step.source}"'
        raise CommandRefused(
            f'{wrong}: this command needs "builtin", or "table" for recovery codes'
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

    uri, text = otpauth_uri(seed, email, brand), base32(seed)
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
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    click.echo(f"\n{muted('or enter this key:')} {groups}\n")


def _require_code(seed: bytes) -> int:
    """Ask for a valid code, and return its time step, which then counts as used (ASVS 6.5.1)."""
    from keyturn.service.reset.proofs.second_step.totp import totp_step

    for _ in range(_CODES_ASKED_FOR):
        with prompting():
            code = click.prompt("Code from the app", type=str)
        if (step := totp_step(seed, code, now())) is not None:
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
    click.echo("\n".join(f"  {code}" for code in codes))


@accounts.command()
@click.argument("email")
@click.option("--name", default="", help="The name in mails' greetings.")
@click.option("--kind", default="", help="Chooses the settings page, for example viewer or school.")
@click.option(
    "--provider", default="", help="The service that signs the user in, for example Google."
)
@click.option("--locale", default="", help="Language of the account's mails, for example de.")
@click.option(
    "--timezone", default="", help="Time zone in the account's mails, for example Europe/Berlin."
)
@click.option("--disabled", is_flag=True, help="The user can neither sign in nor get mails.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
def add(*, email: str, disabled: bool, password_stdin: bool, **fields: Any) -> None:
    """Add an account to the built-in store.

    Without --password-stdin, Keyturn invites the user by mail to choose a password. With --provider
    and no password, the user signs in with that service; a reset request then gets a mail that says
    so, without a link.

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
    _invite([addresses.parse(email) for email in emails], operator, reason)


@takes_container
async def _invite(
    container: Container, named: Sequence[str], operator: Client, reason: str
) -> None:
    await container.accounts.require_ready()
    invited = named or await _everybody_awaiting(container)
    if faults := [fault for email in named if (fault := await _objection(container, email))]:
        raise CommandRefused("; ".join(faults))
    if not invited:
        click.echo("No account is waiting for a first password.")
        return
    refusals = await _refusals(container, invited)
    if named and refusals:
        raise CommandRefused(
            "; ".join(REFUSED[refusal].format(email=email) for email, refusal in refusals.items())
        )
    free = [email for email in invited if email not in refusals]
    await container.invitations.invite_all(free, operator, reason)
    click.echo(
        f"The worker will send {len(free)} {'invitation' if len(free) == 1 else 'invitations'}."
    )
    if refusals:
        held_back = Counter[str](refusals.values())
        click.echo(
            f"Held back for now: {summary(held_back)}. Run the same command later to invite them."
        )


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
    stored = await _builtin(
        container, "can be listed. Show a single account with `keyturn accounts find EMAIL`"
    ).list()
    columns: Columns = {
        "EMAIL": itemgetter("email"),
        "NAME": itemgetter("name"),
        "KIND": itemgetter("kind"),
        "SIGNS IN WITH": lambda account: account["provider"] or "password",
        "STATE": lambda one: (
            "active" if one["active"] else "locked" if one["locked"] else "disabled"
        ),
    }
    empty = "No accounts yet. Add one with `keyturn accounts add EMAIL`."
    listing(
        [msgspec.structs.asdict(account) for account in stored], columns, empty, as_json=as_json
    )


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
    print_json(account) if as_json else facts(account)


async def _everybody_awaiting(container: Container) -> list[str]:
    stored = await container.accounts.awaiting_password()
    if stored is None:
        wrong = (
            f"the store {container.settings.accounts.store} cannot list accounts without a password"
        )
        raise CommandRefused(
            f"{wrong}: give their addresses, as in `keyturn accounts invite EMAIL...`"
        )
    return list(
        {
            addresses.normalize(email): None
            for email in stored
            if addresses.is_same_mailbox(email, email)
        }
    )


async def _objection(container: Container, email: str) -> str:
    account = await container.accounts.find(email)
    if account is None:
        return f"there is no account with the address {email}"
    if not account.active:
        return f"{email} is disabled"
    if account.has_password:
        return f"{email} has a password already: send a link with `keyturn accounts reset {email}`"
    return (
        ""
        if account.awaits_password
        else f"{email} signs in with {account.provider or 'another service'}"
    )


def _builtin(container: Container, otherwise: str) -> BuiltinAccounts:
    """Return the built-in store. Raises CommandRefused if the accounts are elsewhere.

    `otherwise`: the end of the sentence "only accounts of the built-in store ...".
    """
    if not isinstance(container.accounts, BuiltinAccounts):
        where = f"the accounts are in the store {container.settings.accounts.store}"
        raise CommandRefused(f"{where}; only accounts of the built-in store {otherwise}")
    return container.accounts
