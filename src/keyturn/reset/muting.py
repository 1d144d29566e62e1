"""Mutes a mailbox whose owner reports a request as not theirs: it gets no mails with a link for a while.

The muting link speaks for its mailbox alone. It ends the links and codes that went there, and works while the account
is at that address.

**An attacker cannot use it to shut an owner out**: the link is in the owner's own mailbox. An attacker who reads
that could choose a new password by the same mail. Muting stops neither notices of a change nor links that follow "it
was not me". It ends after its time, by an operator, or by a sign-in to the account with that address of its own. A
request for a link gets the usual answer.
"""

from keyturn import addresses
from keyturn.database import now
from keyturn.problems.proofs import SecurityLinkDead
from keyturn.reset.ground import Ground
from keyturn.reset.records import tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import MutingLink
from keyturn.reset.records.stores import Transaction
from keyturn.telemetry.meters import count_calls


class MailboxMuting:
    """Mutes the mailboxes of users who report that a request was not theirs."""

    def __init__(self, ground: Ground) -> None:
        self._records = ground.records
        self._accounts = ground.accounts
        self._limits = ground.limits
        self.meters = ground.meters

    async def check(self, token: str, client: Client) -> MutingLink:
        """Return the link without using it up. Raises SecurityLinkDead, TooManyRequests, AccountsUnready."""
        await self._limits.count("validate", client)
        return await self._find(tokens.digest(token))

    async def _find(self, digest: bytes) -> MutingLink:
        link = await self._records.links.find_muting(digest, now())
        account = await self._accounts.get(link.account_id) if link else None
        if link is None or account is None or not addresses.is_same_mailbox(account.email, link.email):
            raise SecurityLinkDead
        return link

    @count_calls("mute")
    async def mute(self, token: str, client: Client) -> MutingLink:
        """Use the link up, and with it the links and the code that went to its mailbox; return it, committed.

        Every fault of the link gets the same answer. Raises SecurityLinkDead, TooManyRequests, AccountsUnready.
        """
        await self._limits.count("reset", client)
        digest, moment = tokens.digest(token), now()
        link = await self._find(digest)

        def write(tx: Transaction) -> None:
            # In the order of a reset: each locks a link of its own first, and then the account's others.
            tx.hold(link.account_id)
            # In the order of the worker: first the mailbox, then its account's links.
            tx.mailboxes.mute(link.email, moment)
            if not tx.links.consume_muting(digest, moment):
                raise SecurityLinkDead
            tx.links.revoke_all(link.account_id, moment, mailbox=link.email, spares_recovery=True)
            tx.codes.revoke_all(link.account_id, moment, mailbox=link.email)
            tx.audit.write("mailbox_mute", "muted", client, moment, link.account_id, link.email)

        await self._records.transact(write)
        return link
