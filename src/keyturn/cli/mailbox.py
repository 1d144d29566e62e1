"""mailbox: lists blocked addresses, shows why they are blocked, and unblocks them."""

from typing import TYPE_CHECKING

import click

from keyturn.cli.options import ADDRESS, JSON, OPERATOR, takes_container, takes_database
from keyturn.cli.terminal import Entry, Row, facts, listing, print_json, stamp, strong
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.reset.records.audit import Audit
from keyturn.service.reset.records.mailboxes import SUPPRESSION, Mailboxes
from keyturn.service.settings.reading import read_settings

if TYPE_CHECKING:
    from keyturn.service.container import Container
    from keyturn.service.reset.stores import Transaction


@click.group()
def mailbox() -> None:
    """List blocked addresses, show why, and unblock them."""


@mailbox.command()
@ADDRESS
@JSON
@takes_database
async def show(database: Database, email: str, as_json: bool) -> None:
    """Show the emails, limits and blocks of an address.

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
        click.echo(f"{email} has no records: it can get emails.")


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
    """Unblock an address.

    Ends its cooldown, today's count of emails and its suppression. Your mail provider may have a
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
        click.echo(f"{email} can get emails again.")
    else:
        click.echo(f"{email} was not blocked.")
