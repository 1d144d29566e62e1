"""accounts reset and unlock: the operator's commands for one account, or for all after a breach."""

import asyncio
import contextlib
import csv
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Self

import click

from keyturn import addresses
from keyturn.accounts.port import ListsAddresses
from keyturn.cli.options import OPERATOR, REASON, operator_named, rate, with_parts
from keyturn.cli.terminal import accent, muted
from keyturn.database import now
from keyturn.errors import KeyturnError
from keyturn.parts import Parts
from keyturn.reset.inviting import RETRIED, Campaign, Outcome

_HEAD = ("email", "outcome", "at", "run")
_BEGUN = "begun"
_PAGE = 500
_LARGEST_WAVE = 200

_SAID = {
    "no_account": "there is no account with the address {email}",
    "disabled": "{email} is disabled",
    "locked": (
        "{email} is locked, and is not the address that secured the account: find out whose account it is"
        " (`keyturn audit --email {email}`), then `keyturn accounts unlock {email}`"
    ),
    "signs_in_elsewhere": "{email} has no password: it signs in elsewhere",
    "suppressed": "mails to {email} bounced, or were called spam: `keyturn mailbox show {email}`",
    "muted": "the owner of {email} wants no such mails for a while: `keyturn mailbox release {email}` ends that",
    "cooldown": "{email} got such a mail a moment ago",
    "daily_limit": "{email} got all mails that it may get in a day: `keyturn mailbox show {email}`",
    "malformed": "{email} is no address",
}


class NotAsked(KeyturnError):
    """Nobody was asked for a new password; the text says why."""


@click.command()
@click.argument("email", default="")
@click.option("--all", "everybody", is_flag=True, help="Every active or locked account with a password, in waves.")
@click.option("--from", "source", type=click.File(), help="Those in a file, an address a line, in waves.")
@click.option("--csv", "result", type=click.Path(dir_okay=False, path_type=Path), help="What became of each address.")
@click.option("--rate", default="300/minute", show_default=True, type=rate, help="How many are asked in a while.")
@click.option("--dry-run", is_flag=True, help="Show what a run would do, and send nothing.")
@click.option("--yes", is_flag=True, help="Ask them all without a question before.")
@REASON
@OPERATOR
def reset(
    email: str,
    everybody: bool,
    source: IO[str] | None,
    result: Path | None,
    rate: float,
    dry_run: bool,
    yes: bool,
    reason: str,
    operator: str,
) -> None:
    """Send a reset link to one account, or to all.

    Only the account's owner chooses the new password.

    With --all or --from, --csv is what became of each, and by which the same command goes on where it was broken off.

    \b
    Example:  keyturn accounts reset ada@northwind.example
              keyturn accounts reset --all --csv november.csv --reason "Somebody read a copy of our database."
    """
    if [bool(email), everybody, source is not None].count(True) != 1:
        raise click.UsageError("Name who is asked, or say --all or --from.")
    campaign = Campaign(name=secrets.token_hex(8), operator=operator_named(operator), reason=reason)
    if email:
        with_parts(lambda parts: _ask_one(parts, campaign, email, dry_run=dry_run))
        return
    if result is None and not dry_run:
        raise click.UsageError("Name a file with --csv, for what becomes of each account.")
    if not (dry_run or yes):
        click.confirm("Everybody gets a mail. Go on?", abort=True)
    with_parts(lambda parts: _ask_all(parts, campaign, source, result, rate, dry_run=dry_run))


async def _ask_one(parts: Parts, campaign: Campaign, email: str, *, dry_run: bool) -> None:
    await parts.accounts.require_ready()
    ((address, outcome),) = await parts.operator_resets.judge([email])
    if outcome != "asked":
        raise NotAsked(_SAID[outcome].format(email=address))
    if dry_run:
        click.echo(f"{address} would be asked for a new password.")
        return
    await parts.operator_resets.ask(campaign, [address])
    click.echo(f"{accent(address)} is asked for a new password, as soon as a worker runs.")


async def _ask_all(
    parts: Parts, campaign: Campaign, source: IO[str] | None, result: Path | None, rate: float, *, dry_run: bool
) -> None:
    await parts.accounts.require_ready()
    if source is None and not isinstance(parts.accounts, ListsAddresses):
        store = parts.settings.accounts.store
        raise NotAsked(f"the store {store} cannot list its accounts; name them in a file: --from addresses.txt")
    with contextlib.ExitStack() as stack:
        results = None if dry_run or result is None else stack.enter_context(Results(result, campaign))
        if results and not results.goes_on:
            await parts.operator_resets.begin(campaign)
        counts: Counter[str] = Counter()
        size = max(1, min(round(rate), _LARGEST_WAVE))
        async for wave in _waves(parts, source, size, results):
            began = time.monotonic()
            judged = await parts.operator_resets.judge(wave)
            if results:
                asked = [address for address, outcome in judged if outcome == "asked"]
                await parts.operator_resets.ask(results.campaign, asked)
                results.write(judged)
            counts.update(outcome for _, outcome in judged)
            _say(counts)
            if results:
                await asyncio.sleep(max(0.0, began + size / rate - time.monotonic()))
        _end(counts, results, dry_run=dry_run)


async def _waves(
    parts: Parts, source: IO[str] | None, size: int, results: "Results | None"
) -> AsyncIterator[Sequence[str]]:
    """Yield the addresses that earlier runs have not handled, a wave at a time."""
    wave: list[str] = []
    async for email in _addresses(parts, source):
        if results and results.is_done(email):
            continue
        wave.append(email)
        if len(wave) == size:
            yield wave
            wave = []
    if wave:
        yield wave


async def _addresses(parts: Parts, source: IO[str] | None) -> AsyncIterator[str]:
    if source is not None:
        for line in source:
            if email := line.partition(",")[0].strip():
                yield email
        return
    assert isinstance(parts.accounts, ListsAddresses)  # the caller has checked
    last = ""
    while found := await parts.accounts.addresses_after(last, _PAGE):
        for email in found:
            yield email
        last = found[-1].strip(" ")


class Results:
    """The file of what became of each address: a row each, written once it is so. The last row of an address counts.

    Its first row holds the name of the run, under which nobody is asked twice: also where a run ended between the
    asking and the row.
    """

    def __init__(self, file: Path, campaign: Campaign) -> None:
        self._file = file
        self._done: set[str] = set()
        self.campaign = campaign
        self.goes_on = False

    def __enter__(self) -> Self:
        self._read()
        try:
            self._open = self._file.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise NotAsked(f"{self._file} cannot be written: {error.strerror}") from None
        self._writer = csv.writer(self._open)
        if not self.goes_on:
            self._writer.writerow(_HEAD)
            self._row("", _BEGUN)
            self._flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _read(self) -> None:
        if not self._file.exists() or not self._file.stat().st_size:
            return
        with self._file.open(encoding="utf-8", newline="") as earlier:
            rows = list(csv.DictReader(earlier))
        first = rows[0] if rows else {}
        if first.get("outcome") != _BEGUN or not first.get("run"):
            raise NotAsked(f"{self._file} is not of such a run: name another file")
        name = first["run"]
        self.campaign = Campaign(name=name, operator=self.campaign.operator, reason=self.campaign.reason)
        last = {_address_in(row["email"]): row.get("outcome") for row in rows}
        self._done = {email for email, outcome in last.items() if outcome and outcome not in RETRIED}
        self.goes_on = True

    def is_done(self, email: str) -> bool:
        return email in self._done or addresses.normalize(email) in self._done

    def write(self, judged: Sequence[tuple[str, Outcome]]) -> None:
        for email, outcome in judged:
            self._row(email, outcome)
            self._done.add(email)
        self._flush()

    def _row(self, email: str, outcome: str) -> None:
        self._writer.writerow((_cell_of(email), outcome, now().isoformat(timespec="seconds"), self.campaign.name))

    def _flush(self) -> None:
        self._open.flush()
        os.fsync(self._open.fileno())


_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell as a formula (OWASP, "CSV Injection"; ASVS 1.2.10)."""


def _cell_of(email: str) -> str:
    return f"'{email}" if email.startswith(_BEGINS_A_FORMULA) else email


def _address_in(cell: str) -> str:
    """Undo `_cell_of`; an address that itself begins with that sign stays as it is."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_BEGINS_A_FORMULA) else cell


def _say(counts: Counter[str]) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{muted(_summary(counts))}", err=True, nl=False)


def _end(counts: Counter[str], results: Results | None, *, dry_run: bool) -> None:
    if sys.stderr.isatty() and counts:
        click.echo(err=True)
    if dry_run:
        click.echo(f"No mail was sent. A run would give: {_summary(counts) if counts else 'nothing to ask'}.")
    elif not counts:
        click.echo("Every account was asked already.")
    else:
        leave = " The mails leave as soon as a worker runs." if counts["asked"] else ""
        click.echo(f"{_summary(counts)}.{leave}")
    if results and any(counts[outcome] for outcome in RETRIED):
        click.echo("The same command asks those anew that could not be asked now.")


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in counts.most_common())


@click.command()
@click.argument("email")
@OPERATOR
def unlock(email: str, operator: str) -> None:
    """Unlock an account that was secured.

    Its owner had it locked by saying that a change was not theirs.

    The password that it has signs in again: rather ask for a new one, by `keyturn accounts reset EMAIL`. Look first
    whether its address is still theirs: `keyturn audit --email EMAIL`.
    """
    address, client = addresses.parse(email), operator_named(operator)

    async def work(parts: Parts) -> None:
        await parts.accounts.require_ready()
        await parts.operator_resets.unlock(address, client)
        click.echo(f"{accent(address)} is unlocked.")

    with_parts(work)
