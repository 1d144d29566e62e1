"""What every kind of mail goes through: sealed with the transaction that promises it, opened again for each retry."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Database, now
from keyturn.errors import SendRefused
from keyturn.mail.transports.email import Email
from keyturn.outbox import Dropped, Message, Outbox, Seal, SealBroken, Settlement
from keyturn.reset.delivery.composer import SealedMail
from keyturn.reset.delivery.failover import TransportFailover
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.mailboxes import Mailboxes

SUPPRESSED: Final = "suppressed"


class MailDelivery:
    """Hands the mail of a message to a transport.

    The mail is rendered once and kept sealed in its outbox row: a retry under the same idempotency key must send the
    identical body, also after a deploy has changed a template. Both are done before the transaction that stores it,
    with its link: on SQLite that one holds the only writer's lock.
    """

    def __init__(
        self, database: Database, outbox: Outbox, links: LinkStore, mailboxes: Mailboxes, seal: Seal,
        transports: TransportFailover,
    ) -> None:  # fmt: skip
        self.database = database
        self._outbox = outbox
        self._links = links
        self._mailboxes = mailboxes
        self._seal = seal
        self._transports = transports

    async def deliver(self, message: Message, prepare: Callable[[Message], Awaitable[Email | Dropped]]) -> Settlement:
        """Send the mail that `prepare` stores at the first try. Raises what it does, and what a transport does.

        The transport is chosen first, once for the whole try: the message that `prepare` is given names it, and it is
        noted with the mail.
        """
        transport = self._transports.choose(message)
        if message.sealed:
            email = await self._unseal(message.sealed)
        else:
            email = await prepare(msgspec.structs.replace(message, sender=transport.name))
        return email if isinstance(email, Dropped) else await self._transports.send(message, email, transport)

    def seal(self, mail: SealedMail) -> bytes:
        return self._seal.close(msgspec.msgpack.encode(mail))

    async def store(self, session: AsyncSession, message: Message, sealed: bytes | None) -> None:
        """Keep what `seal` returned in the caller's transaction; None is no mail. Raises LeaseLost."""
        await self._outbox.store_sealed(session, message, sealed)

    async def _unseal(self, sealed: bytes) -> Email | Dropped:
        """Return the mail of an earlier try, unless its link has died since: then it would only puzzle.

        Nor does it go to a mailbox that was suppressed since.
        """
        try:
            mail = msgspec.msgpack.decode(self._seal.open(sealed), type=SealedMail)
        except SealBroken:
            raise SendRefused("sealed with a secret key that is no longer in the settings") from None
        if mail.link:
            link = await self._links.find(mail.link)
            if link is None or (reason := link.dead_reason(now())):
                return Dropped(f"the link is {reason if link else 'gone'}")
        async with self.database.connection() as connection:
            suppressed = await self._mailboxes.is_suppressed(connection, mail.email.to, now())
        return Dropped(SUPPRESSED) if suppressed else mail.email
