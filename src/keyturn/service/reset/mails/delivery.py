"""Delivers every kind of mail: sealed in the transaction that promises it, and opened again for
each retry.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

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
from keyturn.service.reset.mails.composer import SealedMail
from keyturn.service.reset.records.links import fate_of
from keyturn.service.reset.records.messages import REQUESTS, UNSUPPRESSED
from keyturn.service.reset.stores import Stores
from keyturn.service.sending.senders import Breaker, Pace

_PATIENCE = 4
"""Tries in a row that fail before the main provider counts as down: fewer may
be one short outage.
"""


class Failover:
    """Hands a mail to the main provider or to the fallback, and never the same mail to both.

    A provider that may have a mail, since its answer was lost, is the only one asked again: it may
    know the idempotency key. The fallback is asked if the first rejects our key or log-in, or is
    down: in four tries in a row, of any mails, it was not reached or had a fault of its own.
    `paces`: of providers with a rate. Links wait behind all other mails, since strangers cause
    them.
    """

    def __init__(
        self,
        outbox: Outbox,
        first: Sender,
        second: Sender | None = None,
        paces: Mapping[str, Pace] = {},
    ) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._both = [one for one in (first, second) if one]
        self._paces = paces
        self._breaker = Breaker(_PATIENCE)

    def choose(self, message: Message) -> Sender:
        """Return the provider for this try.

        Raises SendRefused if the one that may have the mail is not set now.
        """
        if not message.sender:
            return self._first if not self._second or self._breaker.admits() else self._second
        if provider := next((one for one in self._both if one.name == message.sender), None):
            return provider
        raise SendRefused(f"{message.sender} may have it, and is no longer in the settings")

    async def send(self, message: Message, email: Email, provider: Sender) -> Sent:
        """Hand over the mail of a message.

        Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost.

        If the provider took another mail under the key of one that was written in this try, that
        gets a new key: a restored database may not know the other. If this fails, the next try is
        refused until `outbox retry --dead`.
        """
        if message.sealed and message.sender is None:
            await self._outbox.change(message, sender=provider.name)
        try:
            return await self._hand_over(message, email, provider)
        except SendRefused as refusal:
            if refusal.key_used and not message.sealed:
                return await self._hand_over(
                    await self._outbox.change(message, key=new_key()), email, provider
                )
            if (
                not refusal.account
                or not self._second
                or provider is self._second
                or message.sender
            ):
                raise
        await self._outbox.change(message, sender=self._second.name)
        return await self._hand_over(message, email, self._second)

    async def close(self) -> None:
        for provider in self._both:
            await provider.close()

    async def _hand_over(self, message: Message, email: Email, provider: Sender) -> Sent:
        try:
            if pace := self._paces.get(provider.name):
                await pace.turn(first=message.kind not in REQUESTS)
            provider_id = await provider.send(email, message.key)
        except (SendRetryable, QuotaExhausted) as failure:
            if isinstance(failure, SendRetryable) and failure.down and provider is self._first:
                self._breaker.count_failure()
            if message.sender is None and (
                isinstance(failure, QuotaExhausted) or failure.not_accepted
            ):
                await self._outbox.change(message, sender=None)
            raise
        if provider is self._first:
            self._breaker.count_success()
        return Sent(provider.name, provider_id)


SUPPRESSED: Final = "suppressed"

PrepareOne = Callable[[Message], Awaitable[Email | Dropped]]
PrepareAll = Callable[[Sequence[Message]], Awaitable[Sequence[Email | Dropped | Exception]]]
Prepared = Delivery | Dropped | Exception
WriteAnew = Callable[[Message], Awaitable[Settlement]]
"""Sends another mail in place of one that no provider has, and whose link has expired."""

LONGEST_WAY = timedelta(hours=24)
"""How long a mail is handed to a provider that may have it.

Resend forgets its idempotency key then, so a retry could arrive as a second mail. An expired link
is kept for a week, so its page still knows it, even if the recipient's server takes the mail only
after the four to five days that RFC 5321 4.5.4.1 allows.
"""


class MailDelivery:
    """Hands the mail of a message to a provider.

    It is rendered once and kept sealed in its outbox row: a retry under its key must send the
    identical body, even after a deploy. It is rendered and sealed before the transaction that
    stores it, because on SQLite a transaction holds the only writer's lock.
    """

    def __init__(self, stores: Stores, seal: Seal, providers: Failover) -> None:
        self._stores = stores
        self._seal = seal
        self._providers = providers

    async def deliver(
        self, message: Message, prepare: PrepareOne, *, anew: WriteAnew | None = None
    ) -> Settlement:
        """Send the mail that `prepare` stores at the first try, and the stored one at each later
        try.

        Nothing is sent if its link was used, revoked or replaced since, or its mailbox is
        suppressed (`UNSUPPRESSED` are sent all the same). A mail whose link has expired is still
        sent: its page offers a new link. If no provider can have that mail, `anew` sends another.
        """
        if message.sealed:
            return await self._deliver_again(message, anew)
        provider = self._providers.choose(message)
        email = await prepare(msgspec.structs.replace(message, sender=provider.name))
        return (
            email
            if isinstance(email, Dropped)
            else await self._providers.send(message, email, provider)
        )

    async def prepare_all(
        self, messages: Sequence[Message], prepare: PrepareAll
    ) -> Sequence[Prepared]:
        """Let `prepare` store the mails of several messages at their first try; return the delivery
        of each.
        """
        chosen = [(one, self._providers.choose(one)) for one in messages]
        prepared = await prepare(
            [msgspec.structs.replace(one, sender=provider.name) for one, provider in chosen]
        )
        return [
            partial(self._providers.send, message, email, provider)
            if isinstance(email, Email)
            else email
            for (message, provider), email in zip(chosen, prepared, strict=True)
        ]

    async def _deliver_again(self, message: Message, anew: WriteAnew | None) -> Settlement:
        mail = self._open(message)
        if key := mail.link:
            fate = await self._stores.database.read(
                lambda connection: fate_of(connection, key, now())
            )
            if fate not in ("live", "expired"):
                return Dropped(f"the link is {fate}")
            if fate == "expired" and message.sender is None and anew:
                return await anew(message)
        mailboxes, to = self._stores.mailboxes, mail.email.to
        is_suppressed = await self._stores.database.read(
            lambda one: mailboxes.within(one).is_suppressed(to)
        )
        if is_suppressed and message.kind not in UNSUPPRESSED:
            return Dropped(SUPPRESSED)
        if message.sender and now() - mail.written_at > LONGEST_WAY:
            raise SendRefused(f"{message.sender} may have it, and did not confirm it within a day")
        return await self._providers.send(message, mail.email, self._providers.choose(message))

    def seal(self, mail: SealedMail) -> bytes:
        return self._seal.close(msgspec.msgpack.encode(mail))

    def _open(self, message: Message) -> SealedMail:
        assert message.sealed is not None  # this is a later try
        try:
            return msgspec.msgpack.decode(self._seal.open(message.sealed), type=SealedMail)
        except SealBroken:
            raise SendRefused(
                "encrypted with a secret key that is no longer in the settings"
            ) from None
