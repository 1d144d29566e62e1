"""accounts link, reset and unlock: help for one owner, or new passwords for all after a breach."""

import asyncio
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from keyturn.cli.options import ADDRESS, JSON, OPERATOR, REASON, rate, reason_text, takes_container
from keyturn.cli.reset_results import RETRIED, Results
from keyturn.cli.terminal import CommandRefused, accent, muted, print_json, stamp
from keyturn.service.accounts.port import AccountStore
from keyturn.service.client import Client
from keyturn.service.container import Container
from keyturn.service.invitations.campaign import Campaign

_AddressFile = IO[str] | None
# An address that is not UTF-8 must not stop the command half-way.
_ADDRESSES = click.File(encoding="utf-8-sig", errors="replace")
_PAGE = 500  # addresses to read from the store at a time
_LARGEST_WAVE = 200  # links to send at a time

REFUSED = {
    "no_account": "there is no account with the address {email}",
    "disabled": "{email} is disabled",
    "locked": (
        "{email} is locked, and may not be the owner's address: "
        "check `keyturn audit --email {email}`, "
        "then run `keyturn accounts unlock {email}`"
    ),
    "signs_in_elsewhere": "{email} has no password: its owner signs in through another service",
    "suppressed": (
        "emails to {email} bounced or were reported as spam: see `keyturn mailbox show {email}`"
    ),
    "cooldown": (
        "{email} got an email a moment ago: "
        "wait for its cooldown, see `keyturn mailbox show {email}`"
    ),
    "daily_limit": (
        "{email} has reached its limit of emails a day: see `keyturn mailbox show {email}`"
    ),
    "malformed": "{email} is not an email address",
}
"""Sentences for the outcomes of a request that is refused at once."""


@click.command()
@ADDRESS
@click.option(
    "--reason",
    required=True,
    callback=reason_text,
    help="Why you give it out, for the audit trail.",
)
@click.option(
    "--code", "with_code", is_flag=True, help="Print a code to read out, in place of a link."
)
@OPERATOR
@JSON
@takes_container
async def link(
    container: Container, email: str, reason: str, with_code: bool, operator: Client, as_json: bool
) -> None:
    """Print a reset link for an owner whose mailbox is lost.

    First make sure who the person is: the link sets the password. It works once. Earlier links of
    the account end, and its mailbox gets a notice. If another person reads the mailbox, first
    change the account's address in your app.

    \b
    Example:  keyturn accounts link ada@northwind.example \\
                  --reason "Lost the mailbox; passport seen"
    """
    issued = await container.invitations.issue(email, operator, reason, with_code=with_code)
    if as_json:
        values = msgspec.structs.asdict(issued)
        print_json({name: value for name, value in values.items() if value})
        return
    click.echo(issued.link or f"Code: {issued.code}")
    advice = (
        f"It works once, until {stamp(issued.expires_at)} UTC. Give it only to the account's owner."
    )
    if issued.code and container.paths.forgot:
        advice += f" The form for it is at {container.urls.forgot}/code."
    click.echo(advice)


@click.command()
@click.argument("email", default="")
@click.option(
    "--all",
    "everybody",
    is_flag=True,
    help="Send to all active or locked accounts with a password.",
)
@click.option(
    "--from", "source", type=_ADDRESSES, help="Send to the addresses in this file, one a line."
)
@click.option(
    "--csv",
    "result",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for each outcome.",
)
@click.option(
    "--rate", default="300/minute", show_default=True, type=rate, help="How fast to send the links."
)
@click.option("--dry-run", is_flag=True, help="Show what would happen, and send no email.")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@REASON
@OPERATOR
def reset(
    email: str,
    everybody: bool,
    source: _AddressFile,
    result: Path | None,
    rate: float,
    dry_run: bool,
    yes: bool,
    **why: Any,
) -> None:
    """Send a reset link to one account, or to all.

    The account's owner chooses the new password, and the command never learns it.

    With --all or --from, name a file with --csv: it gets the outcome of each address. If the run is
    interrupted, run the same command again to continue.

    \b
    Example:  keyturn accounts reset ada@northwind.example
              keyturn accounts reset --all --csv november.csv \\
                  --reason "A copy of our data was stolen."
    """
    named = [bool(email), everybody, source is not None]
    if named.count(True) != 1:
        raise click.UsageError("Give one address, --all or --from.")
    campaign = Campaign(name=secrets.token_hex(8), **why)
    if email:
        _ask_one(campaign, email, dry_run=dry_run)
        return
    if dry_run:
        _forecast_all(source, rate)
        return
    if result is None:
        raise click.UsageError("Name a file with --csv for the outcome of each account.")
    if not yes:  # before the event loop starts, which would delay Ctrl-C
        click.confirm("Send an email to each of these accounts?", abort=True)
    _ask_all(campaign, source, result, rate)


@takes_container
async def _ask_one(container: Container, campaign: Campaign, email: str, *, dry_run: bool) -> None:
    await container.accounts.require_ready()
    ((address, outcome),) = await container.invitations.forecast([email])
    if outcome != "asked":
        raise CommandRefused(REFUSED[outcome].format(email=address))
    if dry_run:
        click.echo(f"{address} would get a reset link.")
        return
    await container.invitations.request_resets(campaign, [address])
    click.echo(f"The worker will send a reset link to {accent(address)}.")


@takes_container
async def _forecast_all(container: Container, listed: _AddressFile, rate: float) -> None:
    """Print what would happen to the requests for all addresses now. No email is sent."""
    await _require_list(container, listed)
    counts: Counter[str] = Counter()
    async for wave in _waves(_addresses(container, listed), rate):
        forecasts = await container.invitations.forecast(wave)
        counts.update(outcome for _, outcome in forecasts)
        _show_progress(counts)
    _end_progress(counts)
    outcome = summary(counts) if counts else "no accounts"
    click.echo(f"No email was sent. The outcome would be: {outcome}.")


@takes_container
async def _ask_all(
    container: Container, campaign: Campaign, listed: _AddressFile, result: Path, rate: float
) -> None:
    """Send the links in waves, and write each outcome into the file `result`."""
    await _require_list(container, listed)
    results = Results(result, campaign)
    if not results.goes_on:
        await container.invitations.record_campaign(campaign)
    counts: Counter[str] = Counter()
    async for wave in _waves(_not_done(_addresses(container, listed), results), rate):
        began = time.monotonic()
        forecasts = await container.invitations.forecast(wave)
        wanted = [address for address, outcome in forecasts if outcome == "asked"]
        await container.invitations.request_resets(results.campaign, wanted)
        results.write(forecasts)
        counts.update(outcome for _, outcome in forecasts)
        _show_progress(counts)
        next_wave = began + len(wave) / rate
        await asyncio.sleep(max(0.0, next_wave - time.monotonic()))
    _end_progress(counts)
    click.echo(_outcome(counts))


async def _require_list(container: Container, listed: _AddressFile) -> None:
    """Raise CommandRefused if neither a file nor the store lists the addresses."""
    await container.accounts.require_ready()
    if listed is None and not container.accounts.offers(AccountStore.addresses_after):
        raise CommandRefused(
            f"the store {container.settings.accounts.store} cannot list its accounts: "
            "put the addresses into a file, and use --from addresses.txt"
        )


async def _waves(emails: AsyncIterator[str], rate: float) -> AsyncIterator[Sequence[str]]:
    """Yield the addresses in groups: those of a second, within limits."""
    size = max(1, min(round(rate), _LARGEST_WAVE))
    wave: list[str] = []
    async for email in emails:
        wave.append(email)
        if len(wave) == size:
            yield wave
            wave = []
    if wave:
        yield wave


async def _not_done(emails: AsyncIterator[str], results: Results) -> AsyncIterator[str]:
    async for email in emails:
        if not results.is_done(email):
            yield email


async def _addresses(container: Container, listed: _AddressFile) -> AsyncIterator[str]:
    """Yield the addresses of a file, the first cell of each line, or those of the store."""
    if listed is not None:
        for line in listed:
            email = line.partition(",")[0].strip()
            if email:
                yield email
        return
    page = await container.accounts.addresses_after("", _PAGE)
    while page:
        for email in page:
            yield email
        last = page[-1].strip(" ")
        page = await container.accounts.addresses_after(last, _PAGE)


def _show_progress(counts: Counter[str]) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{muted(summary(counts))}", err=True, nl=False)


def _end_progress(counts: Counter[str]) -> None:
    if sys.stderr.isatty() and counts:
        click.echo(err=True)


def _outcome(counts: Counter[str]) -> str:
    if not counts:
        return "Every account has its link already."
    text = f"{summary(counts)}."
    if counts["asked"]:
        text += " The worker will send the emails."
    if any(counts[outcome] for outcome in RETRIED):
        text += "\nRun the same command later to retry the accounts that got no link."
    return text


def summary(counts: Counter[str]) -> str:
    """Return the outcomes with their numbers, the most frequent first."""
    parts = [f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in counts.most_common()]
    return ", ".join(parts)


@click.command()
@ADDRESS
@OPERATOR
@takes_container
async def unlock(container: Container, email: str, operator: Client) -> None:
    """Unlock an account that its owner locked.

    Owners lock their account by reporting that a change was not theirs.

    After an unlock, the account's current password works again. A reset link is safer: `keyturn
    accounts reset EMAIL`. First check that the address still belongs to the owner: `keyturn audit
    --email EMAIL`.

    \b
    Example:  keyturn accounts unlock ada@northwind.example
    """
    await container.accounts.require_ready()
    await container.invitations.unlock(email, operator)
    click.echo(f"{accent(email)} is unlocked.")
