"""outbox: lists outgoing messages and their history, and retries them."""

import contextlib
from collections.abc import Sequence
from datetime import datetime

import click
import msgspec

from keyturn.cli.options import JSON, LAST, SINCE, takes_database
from keyturn.cli.terminal import (
    Entry,
    Row,
    colour_state,
    facts,
    listing,
    muted,
    print_json,
    stamp,
    strong,
)
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.history import STATES, Event, history_of
from keyturn.service.outbox.models import DEAD, ERASED, WAITING
from keyturn.service.outbox.overview import MessageUnknown, RetryRefused, ShownMessage, read
from keyturn.service.outbox.overview import retry as retry_messages

_REPORTED = "reported"
"""Marks the events that a provider has reported."""

_TOLD = {
    "hastened": "Message {} is due now.",
    "reopened": "Message {} starts again, with all its tries.",
    "under way": "A worker is handling message {} at the moment, so nothing was changed.",
}


@click.group()
def outbox() -> None:
    """List and retry outgoing messages."""


@outbox.command(name="list")
@click.option(
    "--state",
    type=click.Choice(STATES),
    metavar="STATE",
    help=f"Show only one state: {', '.join(STATES)}.",
)
@SINCE
@LAST
@JSON
@takes_database
async def list_messages(
    database: Database, state: str | None, since: datetime | None, last: int, as_json: bool
) -> None:
    """List messages, newest first.

    \b
    Example:  keyturn outbox list --state dead --since 1d
    """
    items = await read(database, state=state or "", since=since, most=last)
    empty = "No such messages." if state or since else "No messages yet."
    listing([_as_json(item) for item in items], _row, empty, as_json=as_json)


def _row(item: Entry) -> Row:
    return {
        "ID": str(item["id"]),
        "WHEN (UTC)": stamp(item["created_at"]),
        "KIND": item["kind"],
        "STATE": colour_state(item["state"]),
        "TRIES": str(item["tries"]),
        "NEXT TRY (UTC)": _next_try(item),
        "REASON": item["reason"] or "-",
    }


def _next_try(item: Entry) -> str:
    if item["next_try"] is None:
        return "-"
    if item["under_way"]:
        return "under way"
    if item["next_try"] <= now():
        return "now"
    return stamp(item["next_try"])


@outbox.command()
@click.argument("message_id", metavar="ID", type=click.IntRange(1))
@JSON
@takes_database
async def show(database: Database, message_id: int, as_json: bool) -> None:
    """Show one message and its history.

    \b
    Example:  keyturn outbox show 12
    """
    items = await read(database, only=message_id)
    if not items:
        raise MessageUnknown(message_id)
    (item,) = items
    history = await history_of(database, message_id)
    if as_json:
        print_json({**_as_json(item), "history": [_event_as_json(event) for event in history]})
        return
    click.echo(f"{strong(f'Message {item.id}')}  {item.kind}  {colour_state(item.state)}\n")
    facts(_as_json(item))
    click.echo()
    accepted = Event(message_id=item.id, event="accepted", detail="", at=item.created_at)
    for event in (accepted, *history):
        moment = muted(stamp(event.at))
        # Blanks of the same length keep the columns of the other events in line.
        source = muted(_REPORTED if event.source_id else " " * len(_REPORTED))
        click.echo(f"  {moment}  {source}  {event.event:<16}  {event.detail}".rstrip())


def _event_as_json(event: Event) -> Entry:
    return {
        "at": event.at,
        "event": event.event,
        "detail": event.detail,
        "reported": event.source_id is not None,
    }


@outbox.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1))
@click.option("--dead", is_flag=True, help="All dead messages that still have their address.")
@click.option(
    "--waiting",
    is_flag=True,
    help="All messages that wait for a later try, once their provider works.",
)
def retry(ids: tuple[int, ...], dead: bool, waiting: bool) -> None:
    """Retry messages.

    A waiting message is tried at once. A dead or dropped message starts again. If one of the named
    messages cannot be retried, for example because the provider has accepted it, none is.

    \b
    Examples:  keyturn outbox retry 12 17
               keyturn outbox retry --waiting
    """
    if [bool(ids), dead, waiting].count(True) != 1:
        raise click.UsageError("Give the ids of messages, or --dead, or --waiting.")
    _retry_chosen(ids, dead=dead)


@takes_database
async def _retry_chosen(database: Database, ids: Sequence[int], *, dead: bool) -> None:
    if ids:
        await _retry(database, list(dict.fromkeys(ids)))
        return
    if dead:
        chosen = await _dead_messages(database)
    else:
        chosen = await _waiting_messages(database)
    for message_id in reversed(chosen):  # the oldest first
        with contextlib.suppress(RetryRefused):  # it was sent in the meantime
            await _retry(database, [message_id])
    if not chosen:
        click.echo("There are no dead messages." if dead else "No message waits for a later try.")


async def _dead_messages(database: Database) -> Sequence[int]:
    items = await read(database, state=DEAD, most=None)
    return [item.id for item in items if item.payload != ERASED]


async def _waiting_messages(database: Database) -> Sequence[int]:
    moment = now()
    chosen = []
    for item in await read(database, state=WAITING, most=None):
        # A message without a reason was never tried. It waits on purpose, as that of a change in
        # another system.
        was_tried = bool(item.reason)
        if was_tried and not item.under_way and item.available_at > moment:
            chosen.append(item.id)
    return chosen


async def _retry(database: Database, ids: Sequence[int]) -> None:
    outcomes = await retry_messages(database, ids)
    for message_id, outcome in zip(ids, outcomes, strict=True):
        click.echo(_TOLD[outcome].format(message_id))


def _as_json(item: ShownMessage) -> Entry:
    return {
        "id": item.id,
        "kind": item.kind,
        "for": _addressee(item),
        "state": item.state,
        "reason": item.reason,
        "tries": item.attempts,
        "created_at": item.created_at,
        "next_try": item.available_at if item.state == WAITING else None,
        "under_way": item.under_way,
        "settled_at": item.settled_at,
        "sender": item.sender,
        "provider_id": item.provider_id,
    }


def _addressee(item: ShownMessage) -> str:
    """Return whom a message is for: an address, an account, or "erased"."""
    payload = msgspec.json.decode(item.payload)
    about = payload
    if "event" in payload:  # a webhook
        about = payload["event"]["data"]
    if about.get("email"):
        return str(about["email"])
    if "account_id" in about:
        return f"account {about['account_id']}"
    return "erased"
