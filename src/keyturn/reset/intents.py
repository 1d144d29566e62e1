"""What the outbox holds for the reset: facts that were accepted, from which the mail is made later."""

from datetime import datetime

import msgspec

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
