"""outbox: lists outgoing messages and their history, and retries them."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import click
import msgspec

from keyturn.cli.options import JSON, LAST, SINCE, takes_database
from keyturn.cli.terminal import (
    Columns,
    error,
    facts,
    listing,
    muted,
    print_json,
    stamp,
    strong,
    warning,
)
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.history import (
    STATES,
    Event,
    Item,
    MessageUnknown,
    RetryRefused,
    history_of,
    read,
)
from keyturn.service.outbox.history import retry as retry_messages
from keyturn.service.outbox.models import DEAD, ERASED, WAITING

_COLOURS = {"delayed": warning} | dict.fromkeys(
    ("failed", "suppressed", "bounced", "complained", DEAD), error
)

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
    columns: Columns = {
        "ID": lambda item: str(item["id"]),
        "WHEN (UTC)": lambda item: stamp(item["created_at"]),
        "KIND": itemgetter("kind"),
        "STATE": lambda item: colour_state(item["state"]),
        "TRIES": lambda item: str(item["tries"]),
        "NEXT TRY (UTC)": _next_try,
        "REASON": lambda item: item["reason"] or "-",
    }
    empty = "No such messages." if state or since else "No messages yet."
    listing([_as_json(item) for item in items], columns, empty, as_json=as_json)


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
        events = [
            {
                "at": one.at,
                "event": one.event,
                "detail": one.detail,
                "reported": one.source_id is not None,
            }
            for one in history
        ]
        print_json({**_as_json(item), "history": events})
        return
    click.echo(f"{strong(f'Message {item.id}')}  {item.kind}  {colour_state(item.state)}\n")
    facts(_as_json(item))
    click.echo()
    promised = Event(message_id=item.id, event="accepted", detail="", at=item.created_at)
    for event in (promised, *history):
        by = "reported" if event.source_id else ""
        line = f"  {muted(stamp(event.at))}  {muted(f'{by:<8}')}  {event.event:<16}  {event.detail}"
        click.echo(line.rstrip())


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
    moment, items = now(), await read(database, state=DEAD if dead else WAITING, most=None)
    if dead:
        chosen = [item.id for item in items if item.payload != ERASED]
    # A message without a reason was never tried. It waits on purpose, as that of a change in
    # another system.
    else:
        chosen = [
            item.id
            for item in items
            if item.reason and not item.under_way and item.available_at > moment
        ]
    for message_id in reversed(chosen):
        with contextlib.suppress(RetryRefused):  # it was sent in the meantime
            await _retry(database, [message_id])
    if not chosen:
        click.echo("There are no dead messages." if dead else "No message waits for a later try.")


async def _retry(database: Database, ids: Sequence[int]) -> None:
    for message_id, outcome in zip(ids, await retry_messages(database, ids), strict=True):
        click.echo(_TOLD[outcome].format(message_id))


def colour_state(state: str) -> str:
    return _COLOURS.get(state, str)(state)


def _as_json(item: Item) -> Mapping[str, Any]:
    payload = msgspec.json.decode(item.payload)
    about = payload["event"]["data"] if "event" in payload else payload
    return {
        "id": item.id,
        "kind": item.kind,
        "for": about.get("email")
        or (f"account {about['account_id']}" if "account_id" in about else "erased"),
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


def _next_try(item: Mapping[str, Any]) -> str:
    if item["next_try"] is None:
        return "-"
    if item["under_way"]:
        return "under way"
    return "now" if item["next_try"] <= now() else stamp(item["next_try"])
