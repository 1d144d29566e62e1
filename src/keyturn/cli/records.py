"""audit and purge: what happened, and when it is forgotten."""

from datetime import timedelta

import click

from keyturn import addresses
from keyturn.cli.options import EMAIL, JSON, LAST, SINCE
from keyturn.cli.outbox import colour_state
from keyturn.cli.terminal import muted, print_json, stamp, table, warning
from keyturn.cli.with_parts import with_parts
from keyturn.database import now
from keyturn.outbox.models import DROPPED
from keyturn.parts import Parts
from keyturn.reset.records.audit import ADDRESS_CHANGED, NOT_ME, Entry


@click.command()
@EMAIL
@SINCE
@LAST
@JSON
def audit(email: str, since: timedelta | None, last: int, as_json: bool) -> None:
    """Show who asked for what, when, from where, what was decided, and where the mail is."""
    address = addresses.parse(email) if email else ""

    async def work(parts: Parts) -> None:
        entries = await parts.audit.read(email=address, since=now() - since if since else None, most=last)
        if as_json:
            print_json(entries)
            return
        table(
            ("WHEN (UTC)", "EVENT", "OUTCOME", "MAIL", "EMAIL", "ADDRESS"),
            [
                (stamp(entry.at), _event(entry), entry.outcome, _mail(entry), entry.email, _who(entry))
                for entry in entries
            ],
            "No such entries." if email or since else "Nothing yet.",
        )

    with_parts(work)


def _event(entry: Entry) -> str:
    """Return the event; one that says that something was not its owner is marked."""
    return warning(f"! {entry.event}") if entry.event in NOT_ME or entry.outcome == ADDRESS_CHANGED else entry.event


def _who(entry: Entry) -> str:
    return entry.ip_address or (f"by {entry.operator}" if entry.operator else "")


def _mail(entry: Entry) -> str:
    if entry.mail is None:
        return "-"
    if entry.mail != DROPPED:
        return colour_state(entry.mail)
    return "none" if entry.mail_reason == entry.outcome else f"none: {entry.mail_reason}"


@click.command()
def purge() -> None:
    """Delete or redact now what is older than its retention; every worker does it, too, now and then."""

    async def work(parts: Parts) -> None:
        purged = await parts.retention.purge(now())
        width = max(map(len, purged))
        for name, count in purged.items():
            click.echo(f"{name:<{width}} {count:>8} {muted('redacted' if name == 'addresses' else 'deleted')}")

    with_parts(work)
