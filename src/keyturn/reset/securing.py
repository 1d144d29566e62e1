"""What follows when the owner of a mailbox says that a change of the password was not theirs.

What Keyturn itself holds ends in the transaction that uses the link up: sessions, and the links and codes that went to
this mailbox. That needs the account's id alone, so a store that is down undoes nothing. All that needs the account (the
store's sessions, a lock, the mails, what the app is told) is promised there, and done by the worker until it has worked
(`delivery/recovery.py`). `docs/security.md` has the states of an account and who may move it from each.
"""

import logging

from sqlalchemy import Connection

from keyturn import addresses
from keyturn.accounts.port import AccountStore
from keyturn.database import Database, now
from keyturn.outbox import Outbox
from keyturn.problems.proofs import SecurityLinkDead
from keyturn.problems.requests import AccountsUnready
from keyturn.reset.changes.effects import ChangeEffects
from keyturn.reset.rate_limits import RateLimits
from keyturn.reset.records import tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import ACCOUNT_SECURED, AccountWasSecured
from keyturn.reset.records.secure_links import SecureLink, SecureLinkStore
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters, count_calls

log = logging.getLogger("keyturn.reset")

_EVENT = "account_secured"
"""What the audit trail calls it."""


class AccountSecuring:
    """Secures accounts by the buttons of confirmations. `locks`: a press locks an account that has not moved."""

    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        links: SecureLinkStore,
        limits: RateLimits,
        outbox: Outbox,
        effects: ChangeEffects,
        audit: Audit,
        *,
        locks: bool = False,
        meters: Meters | None = None,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._links = links
        self._limits = limits
        self._outbox = outbox
        self._effects = effects
        self._audit = audit
        self.locks = locks
        self.meters = meters or Meters()

    async def check(self, token: str, client: Client) -> SecureLink:
        """Return whose link it is; it is not used up. Raises SecurityLinkDead, TooManyRequests."""
        await self._limits.count("validate", client)
        link = await self._links.find(tokens.digest(token), now())
        if link is None:
            raise SecurityLinkDead
        return link

    async def will_lock(self, link: SecureLink) -> bool:
        """Tell whether a press would lock the account, as far as its store says now."""
        if not self.locks:
            return False
        try:
            account = await self._accounts.get(link.account_id)
        except AccountsUnready:
            return True
        return account is not None and addresses.is_same_mailbox(account.email, link.email)

    @count_calls("secure")
    async def secure(self, token: str, client: Client) -> None:
        """Use the link up, end sessions and links, and promise what follows. Once this returns, it is committed.

        Whatever is wrong with the link, the answer is the same. Raises SecurityLinkDead, TooManyRequests.
        """
        await self._limits.count("reset", client)
        digest = tokens.digest(token)
        link = await self._links.find(digest, now())
        if link is None or not await self._secure(link.account_id, digest, client):
            await self._record_dead(digest, client)
            raise SecurityLinkDead
        self._outbox.wake()
        log.warning(LogEvent("account.secured", account_id=link.account_id))

    async def _secure(self, account_id: str, digest: bytes, client: Client) -> bool:
        """Do it, and commit; tell whether the link worked still."""
        moment = now()

        def write(connection: Connection) -> bool:
            self._database.hold(connection, account_id)
            link = self._links.consume(connection, digest, moment)
            if link is None:
                return False
            # Links and codes of another mailbox stay: an earlier mailbox must not stand in the way of the present one.
            self._effects.end_access(connection, account_id, moment, mailbox=link.email)
            promise = AccountWasSecured(account_id=account_id, email=link.email, at=moment, client=client)
            message_id = self._outbox.enqueue(connection, ACCOUNT_SECURED, promise)
            self._audit.write(
                connection,
                _EVENT,
                "secured",
                client,
                at=moment,
                account_id=account_id,
                email=link.email,
                message_id=message_id,
            )
            return True

        return await self._database.transact(write)

    async def _record_dead(self, digest: bytes, client: Client) -> None:
        """Record a press of a link of ours that does not work any more: its owner may need an operator (ASVS 16.3.3).

        A token that was never in a mail leaves no trace, or invented ones would fill the audit trail.
        """
        if dead := await self._links.find_dead(digest):
            link, reason = dead
            log.warning(LogEvent("account.not_secured", account_id=link.account_id, reason=reason))
            await self._audit.record(_EVENT, reason, client, at=now(), account_id=link.account_id, email=link.email)
