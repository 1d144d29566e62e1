"""The events that webhooks bring to the app, as `{"type": ..., "timestamp": ..., "data": {...}}`,
in rows of the outbox.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final, Literal, NamedTuple, TypedDict

import msgspec

from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.one_time_secrets import How
from keyturn.service.outbox.message import TO_THE_APP
from keyturn.service.outbox.queue import NewMessage
from keyturn.service.reset.records.messages import AppEvent, ResetRequested
from keyturn.service.reset.stores import Transaction

MailedOutcome = Literal["link_mailed", "provider_mailed"]
"""What a request leads to: a mail with a link, or one that names another way to sign in."""

LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"


class AboutAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Names whose password it is about, and who asked, "" if unknown.

    `email` is the stored address.
    """

    type: ClassVar[str]

    account_id: str
    email: str
    kind: str
    ip_address: str
    user_agent: str
    request_id: str


class _About(TypedDict):
    account_id: str
    email: str
    kind: str
    ip_address: str
    user_agent: str
    request_id: str


def about(account: Account, client: Client) -> _About:
    """Return the fields of `AboutAccount`."""
    return {
        "account_id": account.id,
        "email": account.email,
        "kind": account.kind,
        "ip_address": client.ip_address,
        "user_agent": client.user_agent,
        "request_id": client.request_id,
    }


class PasswordChanged(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """A new password is set, through a link (`reset`) or with the old password (`change`).

    `ended` counts what ended with it, if anything did, by the words of
    [`what`](settings.md#accountstableends).
    """

    type = "password.changed"

    how: How
    ended: Mapping[str, int] = {}


class PasswordResetRequested(AboutAccount, frozen=True, kw_only=True):
    """A request leads to a mail: with a link, or saying that the account signs in elsewhere
    (`provider_mailed`).

    Not for invitations, unknown or disabled accounts, or mails held back.
    """

    type = "password.reset_requested"

    outcome: MailedOutcome


class AccountSecured(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """The owner said that a change was [not theirs](proofs.md#this-was-not-me): end the account's
    sessions.

    `email` is the address at the change, `currentEmail` the one now. If they differ, let a person
    look. `locked`: whether the account is locked.
    """

    type = "account.secured"

    current_email: str
    locked: bool
    ended: Mapping[str, int] = {}


class SecondStepFailed(AboutAccount, frozen=True, kw_only=True):
    """A holder of a live link, or of the right password, did not pass the second step; `method` is
    the one tried.
    """

    type = "second_step.failed"

    method: str


EVENTS: Mapping[str, type[AboutAccount]] = {
    PasswordChanged.type: PasswordChanged,
    PasswordResetRequested.type: PasswordResetRequested,
    AccountSecured.type: AccountSecured,
    SecondStepFailed.type: SecondStepFailed,
}
"""The class of each event's data, by the event's type."""

WEBHOOKS = {event: f"{TO_THE_APP}{event.replace('.', '_')}" for event in EVENTS}
"""The kind of message for each event."""


class MailedReset(NamedTuple):
    """A request and the mail that answers it.

    `is_sent`: False for a mail that is written only so that the work is the same.
    """

    request: ResetRequested
    account: Account
    outcome: MailedOutcome
    is_sent: bool


class AppEvents:
    """Writes events in the caller's transaction, if webhooks are on.

    Events contain neither tokens nor passwords.
    """

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def write(self, tx: Transaction, event: AboutAccount, at: datetime) -> None:
        """Write an event, which happened at the time `at`."""
        if self._on:
            tx.outbox.enqueue(WEBHOOKS[event.type], _message(event, at))

    def write_requested(self, tx: Transaction, resets: Sequence[MailedReset]) -> None:
        """Write the events of the mails that are sent. Invitations have none.

        The same statements run if none is sent.
        """
        if not self._on:
            return
        messages = []
        for reset in resets:
            request = reset.request
            event = PasswordResetRequested(
                **about(reset.account, request.client), outcome=reset.outcome
            )
            is_wanted = reset.is_sent and not request.invites
            messages.append(NewMessage(_message(event, request.at), is_wanted))
        tx.outbox.enqueue_each_if(WEBHOOKS[PasswordResetRequested.type], messages)


def _message(event: AboutAccount, at: datetime) -> AppEvent:
    body = msgspec.json.encode({"type": event.type, "timestamp": at, "data": event})
    return AppEvent(event=msgspec.Raw(body), client=Client(request_id=event.request_id))
