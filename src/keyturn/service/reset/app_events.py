"""The events for the app, in their form on the wire: `{"type": ..., "timestamp": ..., "data": {...}}`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec

Outcome = Literal["link_mailed", "provider_mailed"]


class AboutAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Names whose password it is about, and who asked.

    `email` is the stored address; who asked is "" where that is not known.
    """

    account_id: str
    email: str
    kind: str
    ip_address: str
    user_agent: str
    request_id: str


class PasswordChanged(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """`how`: by a link, or by the old password.

    `ended`: how many credentials of each kind were ended with it, by the words of `accounts.table.ends`; left out if
    none is counted.
    """

    how: Literal["reset", "change"]
    ended: Mapping[str, int] = {}


class PasswordResetRequested(AboutAccount, frozen=True, kw_only=True):
    """`outcome`: which mail goes out, the one with a link or the one that says how they sign in."""

    outcome: Outcome


class AccountSecured(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """A mailbox of the account said that a change of its password was not its owner's, and Keyturn ended all sessions.

    `email` is that mailbox, the account's address at the change; `current_email` is its address by now. Where they
    differ the account has moved, and a person has to find out whose it is. `locked` says that it is locked now. `ended`
    as in `PasswordChanged`.
    """

    current_email: str
    locked: bool
    ended: Mapping[str, int] = {}


class SecondStepFailed(AboutAccount, frozen=True, kw_only=True):
    """Somebody with a live link did not pass the account's second step. `method` is which one they tried."""

    method: str


Data = TypeVar("Data", PasswordChanged, PasswordResetRequested, AccountSecured, SecondStepFailed)


EVENTS: Mapping[str, type[AboutAccount]] = {
    "password.changed": PasswordChanged,
    "password.reset_requested": PasswordResetRequested,
    "account.secured": AccountSecured,
    "second_step.failed": SecondStepFailed,
}
"""The data of each event, by its type. Messages, callbacks and the plugin take their names from these types."""


class Event(msgspec.Struct, Generic[Data], frozen=True, kw_only=True):
    """`type`: one of `EVENTS`. `timestamp`: when it happened, which every try repeats."""

    type: str
    timestamp: datetime
    data: Data


Callback = Callable[[Event[Data]], Awaitable[None]]
"""A function of the app that gets events, if Keyturn is a plugin in the app."""
