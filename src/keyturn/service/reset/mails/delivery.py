"""Delivers every kind of mail. It is sealed in the transaction that decides on it, and each later
try opens it again.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection

from keyturn.errors import SendRefused
from keyturn.mail.port.email import Email
from keyturn.service.clock import now
from keyturn.service.outbox.message import (
    Delivery,
    Dropped,
    Message,
    Seal,
    SealBroken,
    Settlement,
)
from keyturn.service.reset.mails.composer import ComposedMail
from keyturn.service.reset.mails.failover import Failover
from keyturn.service.reset.records.links import Fate, fate_of
from keyturn.service.reset.records.mailboxes import SUPPRESSED
from keyturn.service.reset.records.messages import UNSUPPRESSED
from keyturn.service.reset.stores import Stores

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
