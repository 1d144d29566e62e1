"""What the outbox holds for the reset: facts that were accepted, from which the mail is made later."""

from datetime import datetime
from typing import Literal

import msgspec

from keyturn.outbox import Message, Origin
from keyturn.reset.records.client import Client

RESET_REQUESTED = "reset_requested"
PASSWORD_CHANGED = "password_changed"

SECOND_STEP_FAILED = "second_step_failed"

CHANGE_BEGUN = "change_begun"
"""A password is being set in another system. Taken back once that has ended; else its process has died."""

ACCOUNT_SECURED = "account_secured"
"""A press of "Secure your account": the store has its part to do, and a link to start anew is owed."""

ADDRESS_DISPUTED = "address_disputed"
"""An account has moved since the change that was reported: each of the two mailboxes is owed a mail that says so."""

APP_EVENTS = {
    "password.changed": "webhook_password_changed",
    "password.reset_requested": "webhook_reset_requested",
    "account.secured": "webhook_account_secured",
    "second_step.failed": "webhook_second_step_failed",
}
"""The kind of message for each event that the app is told of by a webhook."""

CALLBACKS = {
    "password.changed": "callback_password_changed",
    "password.reset_requested": "callback_reset_requested",
    "account.secured": "callback_account_secured",
    "second_step.failed": "callback_second_step_failed",
}
"""The kind of message for each event that the app is told of by a callback."""

How = Literal["reset", "change"]
"""By a link, or by who knew the old password."""


class ResetRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked for a link. Written for every well-formed address, so nobody can tell which has an account.

    `invited` says that an operator asked, for somebody who has no password yet. Where an operator asked for a new one,
    `client` says who, and `reason` why.
    """

    email: str
    at: datetime
    client: Client
    invited: bool = False
    reason: str = ""

    @property
    def by_operator(self) -> bool:
        """Whether nobody waits for the mail: an operator asked for it, and not the person."""
        return self.invited or bool(self.client.operator)


class AccountWasSecured(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox said that a change of the password was not its owner's: `email`, the account's address at the change.

    `client` pressed the button.
    """

    account_id: str
    email: str
    at: datetime
    client: Client


class AddressDisputed(msgspec.Struct, frozen=True, kw_only=True):
    """A mail is owed to `email`, since an earlier mailbox of the account reported a change of its password.

    `is_current` tells whether `email` was the account's address then; else it is that earlier mailbox.
    """

    account_id: str
    email: str
    client: Client
    is_current: bool


class PasswordWasChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A confirmation is owed to the account's owner. `client` is whoever made the change.

    `email` is the account's address at that moment; "" in a message that an earlier version wrote. `secures` is whether
    the mail may have the link by which the account can be secured.
    """

    account_id: str
    at: datetime
    client: Client
    email: str = ""
    secures: bool = True


class SecondStepHasFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A link ended, since too many wrong codes were tried with it; its owner is to know. `client` tried the last.

    `email` is where the link went.
    """

    account_id: str
    at: datetime
    client: Client
    email: str


class ChangeBegun(msgspec.Struct, frozen=True, kw_only=True):
    """A change in another system was begun at that moment; its effects are owed unless this is withdrawn.

    `email` as in `PasswordWasChanged`.
    """

    account_id: str
    at: datetime
    client: Client
    how: How
    email: str = ""


class AppEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the app is told. `event` is the body as it is sent: each try the same bytes, also after a deploy.

    Of `client` it holds what leads back to the request; the event has the rest.
    """

    event: msgspec.Raw
    client: Client


class _Asked(msgspec.Struct, frozen=True):
    """The part of a payload that all kinds have in common."""

    client: Client = Client()


def event_of(request: ResetRequested) -> str:
    """Return what the audit trail calls it."""
    if request.invited:
        return "invitation"
    return "operator_reset" if request.client.operator else "reset_request"


def origin_of(message: Message) -> Origin:
    """Return the request behind a message; of one that cannot be read, nothing: its handler will say so."""
    try:
        client = msgspec.json.decode(message.payload, type=_Asked).client
    except msgspec.MsgspecError:
        return Origin()
    return Origin(request_id=client.request_id, traceparent=client.traceparent)
