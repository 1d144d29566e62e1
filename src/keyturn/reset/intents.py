"""What the outbox holds for the reset: facts that were accepted, from which the mail is made later."""

from datetime import datetime

import msgspec

from keyturn.outbox import Message, Origin
from keyturn.reset.client import Client

RESET_REQUESTED = "reset_requested"
PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of message


class ResetRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked for a link. Written for every well-formed address, so nobody can tell which has an account."""

    email: str
    at: datetime
    client: Client


class PasswordWasChanged(msgspec.Struct, frozen=True, kw_only=True):
    account_id: str
    at: datetime
    client: Client


class _Asked(msgspec.Struct, frozen=True):
    client: Client = Client()


def origin_of(message: Message) -> Origin:
    """Return the request behind a message; of one that cannot be read, nothing: its handler will say so."""
    try:
        client = msgspec.json.decode(message.payload, type=_Asked).client
    except msgspec.MsgspecError:
        return Origin()
    return Origin(request_id=client.request_id, traceparent=client.traceparent)
