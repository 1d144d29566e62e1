"""What the app is told and asked: events as `{"type": ..., "timestamp": ..., "data": {...}}`, and consent to a reset.

Events are rows in the outbox. Each is written in the transaction of what happened.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from keyturn.errors import SendRetryable
from keyturn.service.accounts.port import Account, Ended
from keyturn.service.outbox.message import Message, Sent
from keyturn.service.problems.passwords import ResetRefused
from keyturn.service.problems.requests import HookFailed
from keyturn.service.reset.ground import Transaction
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.messages import AccountWasSecured, AppEvent, ChangeBegun, ResetRequested
from keyturn.service.telemetry.logs import LogEvent, reset_log

Outcome = Literal["link_mailed", "provider_mailed"]


class AboutAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Names whose password it is about, and who asked.

    `email` is the stored address; who asked is "" where that is not known.
    """

    type: ClassVar[str]

    account_id: str
    email: str
    kind: str
    ip_address: str
    user_agent: str
    request_id: str


class PasswordChanged(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """A new password is set, through a link (`reset`) or with the old password (`change`).

    `ended` counts what ended with it, if anything did, by the words of [`what`](settings.md#accountstableends).
    """

    type = "password.changed"

    how: Literal["reset", "change"]
    ended: Mapping[str, int] = {}


class PasswordResetRequested(AboutAccount, frozen=True, kw_only=True):
    """A request leads to a mail: with a link, or saying that the account signs in elsewhere (`provider_mailed`).

    Not for invitations, unknown or disabled accounts, or mails held back.
    """

    type = "password.reset_requested"

    outcome: Outcome


class AccountSecured(AboutAccount, frozen=True, kw_only=True, omit_defaults=True):
    """The owner said that a change was [not theirs](proofs.md#this-was-not-me): end the account's sessions.

    `email` is the address at the change, `currentEmail` the one now. If they differ, let a person look. `locked`:
    whether the account is locked.
    """

    type = "account.secured"

    current_email: str
    locked: bool
    ended: Mapping[str, int] = {}


class SecondStepFailed(AboutAccount, frozen=True, kw_only=True):
    """A holder of a live link, or of the right password, did not pass the second step; `method` is the one tried."""

    type = "second_step.failed"

    method: str


Data = TypeVar("Data", PasswordChanged, PasswordResetRequested, AccountSecured, SecondStepFailed)


EVENTS: Mapping[str, type[AboutAccount]] = {
    data.type: data for data in (PasswordChanged, PasswordResetRequested, AccountSecured, SecondStepFailed)
}
"""The data of each event, by its type. Messages, callbacks and the plugin take their names from these types."""


class Event(msgspec.Struct, Generic[Data], frozen=True, kw_only=True):
    """`type`: one of `EVENTS`. `timestamp`: when it happened, which every try repeats."""

    type: str
    timestamp: datetime
    data: Data


Callback = Callable[[Event[Data]], Awaitable[None]]
"""A function of the app that gets events, if Keyturn is a plugin in the app."""


APP_EVENTS, CALLBACKS = (
    {event: f"{way}_{event.replace('.', '_')}" for event in EVENTS} for way in ("webhook", "callback")
)
"""The kind of message for each event that a webhook or a callback tells the app of."""


class AppEvents:
    """Writes the events that go to the app by a webhook, a callback or both, in the caller's transaction.

    Events hold neither tokens nor passwords.
    """

    def __init__(self, by_webhook: Collection[str], by_callback: Collection[str]) -> None:
        ways = ((APP_EVENTS, by_webhook), (CALLBACKS, by_callback))
        self._kinds = {event: [kinds[event] for kinds, told in ways if event in told] for event in EVENTS}

    def password_changed(self, tx: Transaction, account: Account, begun: ChangeBegun, ended: Mapping[str, int]) -> None:
        data = PasswordChanged(**event_fields(account, begun.client), how=begun.how, ended=ended)
        self._write(tx, data, begun.at, begun.client)

    def account_secured(self, tx: Transaction, account: Account, secured: AccountWasSecured, *, ended: Ended) -> None:
        """Write that the account's owner secured it, by a link to a mailbox that may no longer be the account's."""
        fields = event_fields(account, secured.client) | {"email": secured.email}
        data = AccountSecured(**fields, current_email=account.email, locked=account.locked, ended=ended.counts)
        self._write(tx, data, secured.at, secured.client)

    def second_step_failed(
        self, tx: Transaction, account: Account, client: Client, *, method: str, moment: datetime
    ) -> None:
        self._write(tx, SecondStepFailed(**event_fields(account, client), method=method), moment, client)

    def _write(self, tx: Transaction, data: AboutAccount, moment: datetime, client: Client) -> None:
        for kind in self._kinds[data.type]:
            tx.outbox.enqueue(kind, _message(data, moment, client))

    def resets_requested(
        self, tx: Transaction, resets: Sequence[tuple[ResetRequested, Account, Outcome, bool]]
    ) -> None:
        """Write the wanted events, of at least one, with the name of the mail that goes out.

        The app is not told of invitations: it asked for them itself. The statements are the same if none is wanted.
        """
        for kind in self._kinds[PasswordResetRequested.type]:
            messages = []
            for request, account, outcome, wanted in resets:
                data = PasswordResetRequested(**event_fields(account, request.client), outcome=outcome)
                messages.append((_message(data, request.at, request.client), wanted and not request.invited))
            tx.outbox.enqueue_each_if(kind, messages)


def _message(data: AboutAccount, moment: datetime, client: Client) -> AppEvent:
    body = msgspec.json.encode({"type": data.type, "timestamp": moment, "data": data})
    return AppEvent(event=msgspec.Raw(body), client=Client(request_id=client.request_id))


def event_fields(account: Account, client: Client) -> dict[str, str]:
    """Return what each event says of the account and of the client."""
    return {
        "account_id": account.id,
        "email": account.email,
        "kind": account.kind,
        "ip_address": client.ip_address,
        "user_agent": client.user_agent,
        "request_id": client.request_id,
    }


class CallbackHandler:
    """Awaits the app's function, for `timeout` at most."""

    def __init__(self, event: str, callback: Callback[Any], timeout: timedelta) -> None:
        wanted: Any = Event
        self._decoder: msgspec.json.Decoder[Event[Any]] = msgspec.json.Decoder(wanted[EVENTS[event]])
        self._callback = callback
        self._timeout = timeout.total_seconds()

    async def __call__(self, message: Message) -> Sent:
        """Call the function. Raises SendRetryable."""
        body = msgspec.json.decode(message.payload, type=AppEvent).event
        event = self._decoder.decode(body)
        bound = asyncio.timeout(self._timeout)
        try:
            async with bound:
                await self._callback(event)
        except Exception as error:
            reason = f"no end within {self._timeout:g} s" if bound.expired() else type(error).__name__
            reset_log.exception(LogEvent("event.callback_failed", type=event.type, reason=reason))
            raise SendRetryable(reason) from None
        return Sent("callback", "")


# Before a reset: the app's function may refuse it with a sentence, before the link is used up


class PendingReset(msgspec.Struct, frozen=True, kw_only=True):
    """A reset that waits for the app's consent: the account and the client. It holds neither password nor token.

    `languages`: the client's Accept-Language, for the sentence.
    """

    account_id: str
    email: str
    kind: str
    locale: str
    ip_address: str
    user_agent: str
    languages: str
    request_id: str


BeforeReset = Callable[[PendingReset], Awaitable[str | None]]
"""Returns None to let a reset pass, or the sentence that refuses it."""

_LONGEST_SENTENCE = 300

_PATIENCE = 5
"""Seconds for an answer of the app's function, because a user waits for it."""


async def require_consent(before_reset: BeforeReset, account: Account, client: Client) -> None:
    """Raise ResetRefused with the app's sentence, or HookFailed.

    No answer within five seconds, an error or an invalid answer never means consent (OWASP ASVS 16.5.3: no fail-open).
    """
    pending = PendingReset(**event_fields(account, client), locale=account.locale, languages=client.languages)
    try:
        async with asyncio.timeout(_PATIENCE):
            answer: object = await before_reset(pending)
    except Exception as error:
        reset_log.exception(LogEvent("hook.failed", hook="before_reset", error=type(error).__name__))
        raise HookFailed("before_reset gave no answer") from None
    if answer is None:
        return
    sentence = " ".join(answer.split())[:_LONGEST_SENTENCE] if isinstance(answer, str) else ""
    if not sentence:
        reset_log.error(LogEvent("hook.failed", hook="before_reset", error=f"answered {type(answer).__name__}"))
        raise HookFailed("before_reset must return None or a sentence")
    raise ResetRefused(sentence)
