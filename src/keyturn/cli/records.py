"""audit and mailbox: show the audit trail, and list, show and unblock addresses."""

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from keyturn.cli.options import (
    ADDRESS,
    EMAIL,
    JSON,
    LAST,
    OPERATOR,
    SINCE,
    takes_container,
    takes_database,
)
from keyturn.cli.outbox import colour_state
from keyturn.cli.terminal import Columns, facts, listing, print_json, stamp, strong, warning
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.models import DROPPED
from keyturn.service.reset.records.audit import ADDRESS_CHANGED, NOT_ME, Audit
from keyturn.service.reset.records.mailboxes import SUPPRESSION, Mailboxes
from keyturn.service.settings.reading import read_settings

if TYPE_CHECKING:
    from keyturn.service.container import Container
    from keyturn.service.reset.stores import Transaction


@click.command()
@EMAIL
@SINCE
@LAST
@JSON
@takes_database
async def audit(
    database: Database, email: str, since: datetime | None, last: int, as_json: bool
) -> None:
    """Show requests, changes and their outcomes, newest first.

    \b
    Example:  keyturn audit --email ada@northwind.example --since 7d
    """
    entries = await Audit(database).read(email=email, since=since, most=last)
    columns: Columns = {
        "WHEN (UTC)": lambda entry: stamp(entry["at"]),
        "EVENT": _event,
        "OUTCOME": itemgetter("outcome"),
        "MAIL": _mail,
        "EMAIL": itemgetter("email"),
        "ADDRESS": _who,
    }
    empty = "No matching entries." if email or since else "No entries yet."
    listing([entry._asdict() for entry in entries], columns, empty, as_json=as_json)


def _event(entry: Mapping[str, Any]) -> str:
    is_unwanted = entry["event"] == NOT_ME or entry["outcome"] == ADDRESS_CHANGED
    return warning(f"! {entry['event']}") if is_unwanted else entry["event"]


def _mail(entry: Mapping[str, Any]) -> str:
    if entry["mail"] != DROPPED:
        return colour_state(entry["mail"]) if entry["mail"] else "-"
    return "none" if entry["mail_reason"] == entry["outcome"] else f"none: {entry['mail_reason']}"


def _who(entry: Mapping[str, Any]) -> str:
    who = entry["ip_address"] or (entry["operator"] and f"by {entry['operator']}") or ""
    return f"{who}: {entry['note']}" if entry["note"] else who


@click.group()
def mailbox() -> None:
    """Show why an address gets no mail, and unblock it."""


@mailbox.command()
@ADDRESS
@JSON
@takes_database
async def show(database: Database, email: str, as_json: bool) -> None:
    """Show the mails, limits and blocks of an address.

    \b
    Example:  keyturn mailbox show ada@northwind.example
    """
    moment = now()
    mailboxes = _mailboxes(database)
    state = (await mailboxes.look([email]))[email]
    has_records = bool(state.mails or state.refusal)
    values = {
        "mails_today": state.mails,
        "daily": mailboxes.daily,
        "free_at": moment + state.wait,
        "suppressed_until": moment + state.suppressed if state.suppressed else None,
    }
    if as_json:
        print_json(values if has_records else {})
    elif has_records:
        click.echo(f"{strong(email)}\n")
        facts(values)
    else:
        click.echo(f"{email} has no records: it can get mails.")


@mailbox.command(name="list")
@JSON
@takes_database
async def list_suppressed(database: Database, as_json: bool) -> None:
    """List blocked addresses, and the reports that blocked them.

    \b
    Example:  keyturn mailbox list
    """
    moment = now()
    reports = await Audit(database).reports(moment - SUPPRESSION)
    states = await _mailboxes(database).look(reports)
    suppressed = [
        {
            "email": email,
            "reported_at": report.at,
            "report": report.event,
            "suppressed_until": moment + states[email].suppressed,
        }
        for email, report in reports.items()
        if states[email].suppressed
    ]
    columns: Columns = {
        "REPORTED (UTC)": lambda entry: stamp(entry["reported_at"]),
        "REPORT": itemgetter("report"),
        "UNTIL (UTC)": lambda entry: stamp(entry["suppressed_until"]),
        "EMAIL": itemgetter("email"),
    }
    listing(suppressed, columns, "No blocked addresses.", as_json=as_json)


def _mailboxes(database: Database) -> Mailboxes:
    limits = read_settings(sending=False).limits
    return Mailboxes(database, cooldown=limits.mailbox_cooldown, daily=limits.mailbox_daily)


@mailbox.command()
@ADDRESS
@OPERATOR
@takes_container
async def release(container: "Container", email: str, operator: Client) -> None:
    """Let an address have mails again.

    Ends its cooldown, today's count of mails and its suppression. Your mail provider may have a
    suppression list of its own: check there, too.

    \b
    Example:  keyturn mailbox release ada@northwind.example
    """
    account = await container.accounts.find(email)

    def release(tx: "Transaction") -> bool:
        released = tx.mailboxes.release(email)
        if released:
            tx.audit.write(
                "mailbox_release", "released", operator, now(), account.id if account else "", email
            )
        return released

    released = await container.stores.transact(release)
    click.echo(f"{email} can get mails again." if released else f"{email} was not blocked.")
