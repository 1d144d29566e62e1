"""Delivers every kind of mail. It is sealed in the transaction that decides on it, and each later
try opens it again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender
from keyturn.service.clock import now
from keyturn.service.outbox.message import (
    Delivery,
    Dropped,
    Message,
    Seal,
    SealBroken,
    Sent,
    Settlement,
    new_key,
)
from keyturn.service.outbox.queue import Outbox
from keyturn.service.reset.mails.composer import ComposedMail
from keyturn.service.reset.records.links import Fate, fate_of
from keyturn.service.reset.records.messages import REQUESTS, UNSUPPRESSED
from keyturn.service.reset.stores import Stores
from keyturn.service.sending.senders import Breaker, Pace

_FAILURES_UNTIL_DOWN = 4
"""Tries in a row that fail before the main provider counts as down: fewer may be one short outage.
"""


class Failover:
    """Hands a mail to the main provider or to the fallback, and never the same mail to both.

    If the answer of a provider was lost, it may have the mail. Then only this provider is asked
    again, since it may know the idempotency key. The fallback is asked if the main provider rejects
    the key or the log-in of the settings, or is down: in four tries in a row, of any mails, it was
    not reached or had a fault of its own.

    `paces`: the paces of providers with a rate. Mails with links wait behind all other mails, since
    strangers cause them.
    """

    def __init__(
        self,
        outbox: Outbox,
        first: Sender,
        second: Sender | None = None,
        paces: Mapping[str, Pace | None] = {},
    ) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._both = [one for one in (first, second) if one]
        self._paces = paces
        self._breaker = Breaker(_FAILURES_UNTIL_DOWN)

    def choose(self, message: Message) -> Sender:
        """Return the provider for this try.

        Raises SendRefused if the provider that may have the mail is not in the settings any more.
        """
        if not message.sender:
            if self._second is None or self._breaker.admits():
                return self._first
            return self._second
        for provider in self._both:
            if provider.name == message.sender:
                return provider
        raise SendRefused(f"{message.sender} may have it, and is no longer in the settings")

    async def send(self, message: Message, email: Email, provider: Sender) -> Sent:
        """Hand over the mail of a message.

        The provider may have another mail under the same key already: a database that was restored
        from a backup does not know it. A mail that was written in this try then gets a new key. If
        that fails, the next try is refused, until an operator runs `outbox retry --dead`.

        Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost.
        """
        if message.sealed and message.sender is None:
            await self._outbox.change(message, sender=provider.name)
        try:
            return await self._hand_over(message, email, provider)
        except SendRefused as refusal:
            if refusal.key_used and not message.sealed:
                renamed = await self._outbox.change(message, key=new_key())
                return await self._hand_over(renamed, email, provider)
            second = self._second
            if not refusal.account or second is None or provider is second:
                raise
            if message.sender:  # this provider may have the mail from an earlier try
                raise
        await self._outbox.change(message, sender=second.name)
        return await self._hand_over(message, email, second)

    async def close(self) -> None:
        for provider in self._both:
            await provider.close()

    async def _hand_over(self, message: Message, email: Email, provider: Sender) -> Sent:
        pace = self._paces.get(provider.name)
        try:
            if pace:
                await pace.turn(first=message.kind not in REQUESTS)
            provider_id = await provider.send(email, message.key)
        except QuotaExhausted:
            await self._note_not_accepted(message)
            raise
        except SendRetryable as failure:
            if failure.down and provider is self._first:
                self._breaker.count_failure()
            if failure.not_accepted:
                await self._note_not_accepted(message)
            raise
        if provider is self._first:
            self._breaker.count_success()
        return Sent(provider.name, provider_id)

    async def _note_not_accepted(self, message: Message) -> None:
        """Let a later try choose its provider, unless an earlier one may have the mail."""
        if message.sender is None:
            await self._outbox.change(message, sender=None)


SUPPRESSED: Final = "suppressed"

PrepareOne = Callable[[Message], Awaitable[Email | Dropped]]
PrepareAll = Callable[[Sequence[Message]], Awaitable[Sequence[Email | Dropped | Exception]]]
Prepared = Delivery | Dropped | Exception
WriteAnew = Callable[[Message], Awaitable[Settlement]]
"""Writes and sends another mail, since the link of this one has expired and no provider has it."""

LONGEST_WAY = timedelta(hours=24)
"""How long a mail is tried again with a provider that may have it.

After that time, Resend forgets its idempotency key, so a retry could arrive as a second mail. The
recipient's server may take a mail only after the four to five days that RFC 5321 4.5.4.1 allows.
The page of its link still knows the link then, since an expired link is kept for a week.
"""


class MailDelivery:
    """Hands the mail of a message to a provider.

    A mail is rendered once, and kept sealed in its row of the outbox: a retry under the same key
    must send the identical body, even after an upgrade. It is rendered and sealed before the
    transaction that stores it, because a transaction on SQLite holds the lock of the only writer.
    """

    def __init__(self, stores: Stores, seal: Seal, providers: Failover) -> None:
        self._stores = stores
        self._seal = seal
        self._providers = providers

    async def deliver(
        self, message: Message, prepare: PrepareOne, *, anew: WriteAnew | None = None
    ) -> Settlement:
        """Send the mail that `prepare` stores at the first try. A later try sends the stored mail.

        A later try sends nothing if the mail's link was used, revoked or replaced since, or if the
        mailbox is suppressed, unless the kind is in `UNSUPPRESSED`. A mail whose link has expired
        is still sent, since its page offers a new link. If no provider can have that mail, `anew`
        sends another one instead.
        """
        if message.sealed:
            return await self._deliver_again(message, anew)
        provider = self._providers.choose(message)
        email = await prepare(msgspec.structs.replace(message, sender=provider.name))
        if isinstance(email, Dropped):
            return email
        return await self._providers.send(message, email, provider)

    async def prepare_all(
        self, messages: Sequence[Message], prepare: PrepareAll
    ) -> Sequence[Prepared]:
        """Let `prepare` store the mails of several messages, at their first try.

        Return for each message its delivery, or the end or error that `prepare` returned.
        """
        providers = []
        chosen = []
        for message in messages:
            provider = self._providers.choose(message)
            providers.append(provider)
            chosen.append(msgspec.structs.replace(message, sender=provider.name))
        prepared: list[Prepared] = []
        results = await prepare(chosen)
        for message, provider, email in zip(messages, providers, results, strict=True):
            if isinstance(email, Email):
                prepared.append(partial(self._providers.send, message, email, provider))
            else:
                prepared.append(email)
        return prepared

    async def _deliver_again(self, message: Message, anew: WriteAnew | None) -> Settlement:
        mail = self._open(message)
        fate = await self._fate_of_link(mail)
        if fate not in (None, "live", "expired"):
            return Dropped(f"the link is {fate}")
        if fate == "expired" and message.sender is None and anew:
            return await anew(message)
        if message.kind not in UNSUPPRESSED and await self._is_suppressed(mail.email.to):
            return Dropped(SUPPRESSED)
        if message.sender and now() - mail.written_at > LONGEST_WAY:
            raise SendRefused(f"{message.sender} may have it, and did not confirm it within a day")
        provider = self._providers.choose(message)
        return await self._providers.send(message, mail.email, provider)

    async def _fate_of_link(self, mail: ComposedMail) -> Fate | None:
        """Return the state of the mail's link; None if it has none."""
        key = mail.link
        if key is None:
            return None
        return await self._stores.database.read(lambda connection: fate_of(connection, key, now()))

    async def _is_suppressed(self, mailbox: str) -> bool:
        def look(connection: Connection) -> bool:
            return self._stores.mailboxes.within(connection).is_suppressed(mailbox)

        return await self._stores.database.read(look)

    def seal(self, mail: ComposedMail) -> bytes:
        return self._seal.close(msgspec.msgpack.encode(mail))

    def _open(self, message: Message) -> ComposedMail:
        assert message.sealed is not None  # this is a later try
        try:
            return msgspec.msgpack.decode(self._seal.open(message.sealed), type=ComposedMail)
        except SealBroken:
            raise SendRefused(
                "encrypted with a secret key that is no longer in the settings"
            ) from None
