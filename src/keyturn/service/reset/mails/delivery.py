"""Delivers every kind of mail: sealed in the transaction that promises it, and opened again for each retry."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.mail.port.email import Email, Sender, first_in_line
from keyturn.service.clock import now
from keyturn.service.outbox import Delivery, Dropped, Message, Outbox, Seal, SealBroken, Sent, new_key
from keyturn.service.reset.mails.composer import SealedMail
from keyturn.service.reset.records.links import Link, find_link
from keyturn.service.reset.records.stores import Records
from keyturn.service.sending.pace import Breaker

_PATIENCE = 4
"""Tries in a row that fail before the main transport counts as down: fewer may be one short outage."""


class TransportFailover:
    """Hands a mail to the main transport or to the fallback, and never the same mail to both.

    A transport that may have a mail, since its answer was lost, is the only one that is asked again. It may know the
    idempotency key, and a second transport would surely send a second mail. If it certainly has not got the mail, the
    choice is made again. The fallback is asked if the first rejects our key or log-in, or is down. It counts as down if
    in four tries in a row, of any mails, it was not reached or answered with a fault of its own.
    """

    def __init__(
        self,
        outbox: Outbox,
        first: Sender,
        second: Sender | None = None,
        *,
        breaker: Breaker | None = None,
    ) -> None:
        self._outbox = outbox
        self._first = first
        self._second = second
        self._breaker = breaker or Breaker(_PATIENCE)

    def first_in_line(self) -> "TransportFailover":
        """Return the same transports for urgent mails, which go first in the provider's pace. Close the original."""
        second = first_in_line(self._second) if self._second else None
        return TransportFailover(self._outbox, first_in_line(self._first), second, breaker=self._breaker)

    def choose(self, message: Message) -> Sender:
        """Return the transport for this try. It is noted with the message before it is asked."""
        if not self._second:
            return self._first
        if message.sender:
            return self._second if message.sender == self._second.name else self._first
        return self._first if self._breaker.admits() else self._second

    async def send(self, message: Message, email: Email, transport: Sender) -> Sent:
        """Hand over the mail of a message. Raises SendRetryable, QuotaExhausted, SendRefused, LeaseLost.

        A mail that was written in this try gets another key if the provider took a different one under the key that the
        message had: a database that was restored, or that failed over, may not know that mail, nor its link. If this
        try fails otherwise, the next one is refused, and the message is dead until `outbox retry --dead`.
        """
        if message.sealed and message.sender is None:
            await self._outbox.reserve_transport(message, transport.name)
        try:
            return await self._hand_over(message, email, transport)
        except SendRefused as refusal:
            if refusal.key_used and not message.sealed:
                return await self._hand_over(await self._outbox.renew_key(message), email, transport)
            if not refusal.account or not self._second or transport is self._second or message.sender:
                raise
        await self._outbox.reserve_transport(message, self._second.name)
        return await self._hand_over(message, email, self._second)

    async def close(self) -> None:
        await self._first.close()
        if self._second:
            await self._second.close()

    async def _hand_over(self, message: Message, email: Email, transport: Sender) -> Sent:
        try:
            provider_id = await transport.send(email, message.key)
        except (SendRetryable, QuotaExhausted) as failure:
            if isinstance(failure, SendRetryable) and failure.down and transport is self._first:
                self._breaker.count_failure()
            if message.sender is None and (isinstance(failure, QuotaExhausted) or failure.not_accepted):
                await self._outbox.reserve_transport(message, None)
            raise
        if transport is self._first:
            self._breaker.count_success()
        return Sent(transport.name, provider_id)


SUPPRESSED: Final = "suppressed"


class Renewal(Protocol):
    """Stores another mail in place of one whose link has expired; `unseen` if the old one certainly did not arrive."""

    def __call__(self, message: Message, link: Link, *, unseen: bool) -> Awaitable[Email | Dropped]: ...


class MailDelivery:
    """Hands the mail of a message to a transport.

    The mail is rendered once and kept sealed in its outbox row: a retry under the same idempotency key must send the
    identical body, even after a deploy has changed a template. Rendering and sealing are done before the transaction
    that stores the mail with its link: on SQLite that transaction holds the only writer's lock.
    """

    def __init__(self, records: Records, seal: Seal, transports: TransportFailover) -> None:
        self._records = records
        self._seal = seal
        self._transports = transports

    async def deliver(
        self,
        message: Message,
        prepare: Callable[[Message], Awaitable[Email | Dropped]],
        renew: Renewal | None = None,
    ) -> Dropped | Delivery:
        """Return the delivery of the mail that `prepare` stores at the first try. Raises what `prepare` does.

        A mail whose link was used or revoked since would only confuse, and is not sent. If the link has expired, since
        the provider was down for that long, `renew` decides what is sent instead: another mail under another key, by
        any transport. A mailbox that was suppressed since gets nothing.
        """
        if not message.sealed:
            return await self._send_new(message, prepare)
        mail = self._open(message.sealed)
        if key := mail.link:
            link = await self._records.database.read(lambda connection: find_link(connection, key))
            reason = link.dead_reason(now()) if link else "gone"
            if link and reason == "expired" and renew:
                unseen = message.sender is None
                anew = msgspec.structs.replace(message, key=new_key(), sealed=None, sender=None)
                return await self._send_new(anew, lambda chosen: renew(chosen, link, unseen=unseen))
            if reason:
                return Dropped(f"the link is {reason}")
        mailboxes, to = self._records.mailboxes, mail.email.to
        if await self._records.database.read(lambda one: mailboxes.within(one).is_suppressed(to, now())):
            return Dropped(SUPPRESSED)
        return partial(self._transports.send, message, mail.email, self._transports.choose(message))

    async def _send_new(
        self, message: Message, prepare: Callable[[Message], Awaitable[Email | Dropped]]
    ) -> Dropped | Delivery:
        """Choose the transport, once for the whole try: `prepare` notes it with the mail before it is asked."""
        transport = self._transports.choose(message)
        email = await prepare(msgspec.structs.replace(message, sender=transport.name))
        return email if isinstance(email, Dropped) else partial(self._transports.send, message, email, transport)

    async def deliver_all(
        self,
        messages: Sequence[Message],
        prepare: Callable[[Sequence[Message]], Awaitable[Sequence[Email | Dropped | Exception]]],
    ) -> Sequence[Dropped | Delivery | Exception]:
        """Do what `deliver` does, for several messages without a mail; errors are among the results."""
        chosen = [self._transports.choose(message) for message in messages]
        prepared = await prepare(
            [
                msgspec.structs.replace(message, sender=transport.name)
                for message, transport in zip(messages, chosen, strict=True)
            ]
        )
        return [
            partial(self._transports.send, message, email, transport) if isinstance(email, Email) else email
            for message, email, transport in zip(messages, prepared, chosen, strict=True)
        ]

    def seal(self, mail: SealedMail) -> bytes:
        return self._seal.close(msgspec.msgpack.encode(mail))

    def _open(self, sealed: bytes) -> SealedMail:
        try:
            return msgspec.msgpack.decode(self._seal.open(sealed), type=SealedMail)
        except SealBroken:
            raise SendRefused("encrypted with a secret key that is no longer in the settings") from None
