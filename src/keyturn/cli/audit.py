"""audit: shows the audit trail."""

from datetime import datetime

import click

from keyturn.cli.options import EMAIL, JSON, LAST, SINCE, takes_database
from keyturn.cli.terminal import Entry, Row, colour_state, listing, stamp, warning
from keyturn.service.database import Database
from keyturn.service.outbox.models import DROPPED
from keyturn.service.reset.records.audit import ADDRESS_CHANGED, NOT_ME, Audit


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
