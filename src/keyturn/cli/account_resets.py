"""accounts reset and unlock: the operator's commands for one account, or for all after a breach."""

import asyncio
import csv
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from keyturn.cli.options import ADDRESS, JSON, OPERATOR, REASON, printable, rate, takes_container
from keyturn.cli.terminal import CommandRefused, accent, muted, print_json, stamp
from keyturn.service import addresses
from keyturn.service.accounts.port import AccountStore
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.container import Container
from keyturn.service.reset.records.messages import Campaign

_List = IO[str] | None
_TEXT = click.File(
    encoding="utf-8-sig", errors="replace"
)  # an address that is not UTF-8 is no reason to stop half-way
_HEAD = ("email", "outcome", "at", "run")
_BEGUN = "begun"
_PAGE, _LARGEST_WAVE = 500, 200
_RETRIED = ("locked", "suppressed", "daily_limit", "cooldown")  # may change by the next run

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
        "mails to {email} bounced or were reported as spam: see `keyturn mailbox show {email}`"
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
"""The outcomes of a request that is refused at once, in words."""


@click.command()
@ADDRESS
@click.option(
    "--reason", required=True, callback=printable, help="Why you give it out, for the audit trail."
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
    issued = await container.invitations.mint(email, operator, reason, with_code=with_code)
    if as_json:
        print_json({name: value for name, value in msgspec.structs.asdict(issued).items() if value})
        return
    click.echo(issued.link or f"Code: {issued.code}")
    place = (
        f" The form for it is at {container.urls.forgot}/code."
        if issued.code and container.paths.forgot
        else ""
    )
    click.echo(
        f"It works once, until {stamp(issued.expires_at)} UTC. Give it only to the account's "
        f"owner.{place}"
    )


@click.command()
@click.argument("email", default="")
@click.option(
    "--all",
    "everybody",
    is_flag=True,
    help="Send to all active or locked accounts with a password.",
)
@click.option(
    "--from", "source", type=_TEXT, help="Send to the addresses in this file, one a line."
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
@click.option("--dry-run", is_flag=True, help="Show what would happen, and send no mail.")
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
@REASON
@OPERATOR
def reset(
    email: str,
    everybody: bool,
    source: _List,
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
    if [bool(email), everybody, source is not None].count(True) != 1:
        raise click.UsageError("Give one address, --all or --from.")
    campaign = Campaign(name=secrets.token_hex(8), **why)
    if email:
        _ask_one(campaign, email, dry_run=dry_run)
        return
    if result is None and not dry_run:
        raise click.UsageError("Name a file with --csv for the outcome of each account.")
    if not (dry_run or yes):  # before the event loop, which would hold Ctrl-C back
        click.confirm("Send a mail to each of these accounts?", abort=True)
    _ask_all(campaign, source, None if dry_run else result, rate)


@takes_container
async def _ask_one(container: Container, campaign: Campaign, email: str, *, dry_run: bool) -> None:
    await container.accounts.require_ready()
    ((address, outcome),) = await container.invitations.judge([email])
    if outcome != "asked":
        raise CommandRefused(REFUSED[outcome].format(email=address))
    if dry_run:
        click.echo(f"{address} would get a reset link.")
        return
    await container.invitations.ask(campaign, [address])
    click.echo(f"The worker will send a reset link to {accent(address)}.")


@takes_container
async def _ask_all(
    container: Container, campaign: Campaign, listed: _List, result: Path | None, rate: float
) -> None:
    """Send the links in waves, and write each outcome to `result`; without that file, only say what
    would happen.
    """
    await container.accounts.require_ready()
    if listed is None and not container.accounts.offers(AccountStore.addresses_after):
        wrong = f"the store {container.settings.accounts.store} cannot list its accounts"
        raise CommandRefused(
            f"{wrong}: put the addresses into a file, and use --from addresses.txt"
        )
    results = Results(result, campaign) if result else None
    if results and not results.goes_on:
        await container.invitations.begin(campaign)
    counts: Counter[str] = Counter()
    async for wave in _waves(container, listed, max(1, min(round(rate), _LARGEST_WAVE)), results):
        began = time.monotonic()
        judged = await container.invitations.judge(wave)
        if results:
            wanted = [address for address, outcome in judged if outcome == "asked"]
            await container.invitations.ask(results.campaign, wanted)
            results.write(judged)
        counts.update(outcome for _, outcome in judged)
        if sys.stderr.isatty():
            click.echo(f"\r{muted(summary(counts))}", err=True, nl=False)
        if results:
            await asyncio.sleep(max(0.0, began + len(wave) / rate - time.monotonic()))
    if sys.stderr.isatty() and counts:
        click.echo(err=True)
    click.echo(_outcome(counts, is_dry=results is None))


async def _waves(
    container: Container, listed: _List, size: int, results: "Results | None"
) -> AsyncIterator[Sequence[str]]:
    wave: list[str] = []
    async for email in _addresses(container, listed):
        if not (results and results.is_done(email)):
            wave.append(email)
        if len(wave) == size:
            yield wave
            wave = []
    if wave:
        yield wave


async def _addresses(container: Container, listed: _List) -> AsyncIterator[str]:
    for line in listed or ():
        if email := line.partition(",")[0].strip():
            yield email
    last = ""
    while listed is None and (page := await container.accounts.addresses_after(last, _PAGE)):
        for email in page:
            yield email
        last = page[-1].strip(" ")


def _outcome(counts: Counter[str], *, is_dry: bool) -> str:
    if is_dry:
        return (
            "No mail was sent. The outcome would be: "
            f"{summary(counts) if counts else 'no accounts'}."
        )
    leave = " The worker will send the mails." if counts["asked"] else ""
    is_retried = any(counts[outcome] for outcome in _RETRIED)
    later = (
        "\nRun the same command later to retry the accounts that got no link." if is_retried else ""
    )
    return f"{summary(counts)}.{leave}{later}" if counts else "Every account has its link already."


def summary(counts: Counter[str]) -> str:
    return ", ".join(
        f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in counts.most_common()
    )


class Results:
    """The file with the outcome of each address, whose last row counts. The first row has the name
    of the run.

    No account gets two links under that name, even if a run stopped before it wrote the row.
    """

    def __init__(self, file: Path, campaign: Campaign) -> None:
        self._file, self.campaign = file, campaign
        self._done: set[str] = set()
        self.goes_on = file.exists() and file.stat().st_size > 0
        if self.goes_on:
            self._read()
        self.write([])

    def _read(self) -> None:
        with self._file.open(encoding="utf-8", newline="") as earlier:
            rows = list(csv.DictReader(earlier))
        if not rows or rows[0].get("outcome") != _BEGUN or not rows[0].get("run"):
            raise CommandRefused(f"{self._file} was not written by this command: name another file")
        self.campaign = msgspec.structs.replace(self.campaign, name=rows[0]["run"])
        last = {_address_in(row["email"]): row.get("outcome") for row in rows}
        self._done = {
            email for email, outcome in last.items() if outcome and outcome not in _RETRIED
        }

    def is_done(self, email: str) -> bool:
        return email in self._done or addresses.normalize(email) in self._done

    def write(self, judged: Sequence[tuple[str, str]]) -> None:
        """Write rows that survive a crash, after the first two if the file is new. Raises
        CommandRefused.
        """
        at, run = now().isoformat(timespec="seconds"), self.campaign.name
        rows = [(_cell_of(email), outcome, at, run) for email, outcome in judged]
        try:
            with self._file.open("a", encoding="utf-8", newline="") as results:
                begun = (
                    [] if results.tell() else [_HEAD, ("", _BEGUN, at, run)]
                )  # it may have been moved since
                csv.writer(results).writerows([*begun, *rows])
                results.flush()
                os.fsync(results.fileno())
        except OSError as error:
            raise CommandRefused(f"{self._file} cannot be written: {error.strerror}") from None
        self._done.update(email for email, _ in judged)


_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell as a formula (OWASP, "CSV Injection"; ASVS
1.2.10).
"""


def _cell_of(email: str) -> str:
    return f"'{email}" if email.startswith(_BEGINS_A_FORMULA) else email


def _address_in(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_BEGINS_A_FORMULA) else cell


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
