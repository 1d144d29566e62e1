"""A request that was not yours: no mail with a link to this mailbox for a while, whoever asks.

**Nobody can shut somebody else out with it**: the link is in the victim's own mailbox, and who reads that could choose
a new password by the same mail. It stops no notice of a change, and no link that follows "it was not me". It ends by
itself, by signing in, and by an operator. Who asks for a link is told what everybody is told.
"""

from keyturn.database import Database, now
from keyturn.errors import SecurityLinkDead
from keyturn.reset.proofs.code_store import CodeStore
from keyturn.reset.rate_limits import RateLimits
from keyturn.reset.records import tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore, MutingLink
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.telemetry.meters import Meters, count_calls


class MailboxMuting:
    """Mutes the mailboxes of those who say that a request was not theirs."""

    def __init__(
        self, database: Database, links: LinkStore, codes: CodeStore, mailboxes: Mailboxes, limits: RateLimits,
        audit: Audit, meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._links = links
        self._codes = codes
        self._mailboxes = mailboxes
        self._limits = limits
        self._audit = audit
        self.meters = meters or Meters()

    async def check(self, token: str, client: Client) -> MutingLink:
        """Return whose link it is; it is not used up. Raises SecurityLinkDead, TooManyRequests."""
        await self._limits.count("validate", client)
        link = await self._links.find_muting(tokens.digest(token), now())
        if link is None:
            raise SecurityLinkDead
        return link

    @count_calls("mute")
    async def mute(self, token: str, client: Client) -> None:
        """Use the link up, and with it every link and code to choose a password. Once this returns, it is committed.

        Whatever is wrong with the link, the answer is the same. Raises SecurityLinkDead, TooManyRequests.
        """
        await self._limits.count("reset", client)
        moment = now()
        async with self._database.transaction() as session:
            link = await self._links.consume_muting(session, tokens.digest(token), moment)
            if link is None:
                raise SecurityLinkDead
            await self._links.revoke_all(session, link.account_id, moment, spares_recovery=True)
            await self._codes.revoke_all(session, link.account_id, moment)
            await self._mailboxes.mute(session, link.email, moment)
            await self._audit.write(
                session, "mailbox_mute", "muted", client, at=moment, account_id=link.account_id, email=link.email
            )
            await session.commit()
