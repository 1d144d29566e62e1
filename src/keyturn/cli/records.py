"""audit and mailbox: show the audit trail, and list, show and unblock addresses."""

from datetime import datetime
from typing import TYPE_CHECKING

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
from keyturn.cli.terminal import Entry, Row, facts, listing, print_json, stamp, strong, warning
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
    empty = "No matching entries." if email or since else "No entries yet."
    listing([entry._asdict() for entry in entries], _row, empty, as_json=as_json)


def _row(entry: Entry) -> Row:
    event = entry["event"]
    if event == NOT_ME or entry["outcome"] == ADDRESS_CHANGED:
        event = warning(f"! {event}")
    return {
        "WHEN (UTC)": stamp(entry["at"]),
        "EVENT": event,
        "OUTCOME": entry["outcome"],
        "MAIL": _mail(entry),
        "EMAIL": entry["email"],
        "ADDRESS": _who(entry),
    }


def _mail(entry: Entry) -> str:
    """Return what became of the mail of a request, and why it has none."""
    if not entry["mail"]:
        return "-"
    if entry["mail"] != DROPPED:
        return colour_state(entry["mail"])
    if entry["mail_reason"] == entry["outcome"]:
        return "none"
    return f"none: {entry['mail_reason']}"


def _who(entry: Entry) -> str:
    who = ""
    if entry["ip_address"]:
        who = entry["ip_address"]
    elif entry["operator"]:
        who = f"by {entry['operator']}"
    if entry["note"]:
        who += f": {entry['note']}"
    return who


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
    suppressed_until = None
    if state.suppressed:
        suppressed_until = moment + state.suppressed
    values = {
        "mails_today": state.mails,
        "daily": mailboxes.daily,
        "free_at": moment + state.wait,
        "suppressed_until": suppressed_until,
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
    listing(suppressed, _suppressed_row, "No blocked addresses.", as_json=as_json)


def _suppressed_row(entry: Entry) -> Row:
    return {
        "REPORTED (UTC)": stamp(entry["reported_at"]),
        "REPORT": entry["report"],
        "UNTIL (UTC)": stamp(entry["suppressed_until"]),
        "EMAIL": entry["email"],
    }


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
    account_id = account.id if account else ""

    def release(tx: "Transaction") -> bool:
        released = tx.mailboxes.release(email)
        if released:
            tx.audit.write("mailbox_release", "released", operator, now(), account_id, email)
        return released

    released = await container.stores.transact(release)
    if released:
        click.echo(f"{email} can get mails again.")
    else:
        click.echo(f"{email} was not blocked.")
