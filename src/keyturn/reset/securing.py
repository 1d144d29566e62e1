"""What follows when somebody says that a change of the password was not theirs.

What Keyturn itself holds ends in the transaction that uses the link up: sessions, links, codes. What is in an app's
store (its sessions, a lock) and the mail with a link to start anew are promised there, and done by the worker until it
has worked (`delivery/recovery.py`): a store that is away must not undo the rest.
"""

import logging

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import Database, now
from keyturn.errors import SecurityLinkDead
from keyturn.outbox import Outbox
from keyturn.reset.changes.app_events import AppEvents
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


class AccountSecuring:
    """Secures accounts whose owners say that a change was not theirs. `locks` says that they are locked, too."""

    def __init__(
        self, database: Database, accounts: AccountStore, links: SecureLinkStore, limits: RateLimits, outbox: Outbox,
        effects: ChangeEffects, events: AppEvents, audit: Audit, *, locks: bool = False, meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._links = links
        self._limits = limits
        self._outbox = outbox
        self._effects = effects
        self._events = events
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

    @count_calls("secure")
    async def secure(self, token: str, client: Client) -> None:
        """Use the link up, end sessions and links, and promise what follows. Once this returns, it is committed.

        Whatever is wrong with the link, the answer is the same. Raises SecurityLinkDead, TooManyRequests,
        AccountsUnready.
        """
        await self._limits.count("reset", client)
        found = await self._links.find(tokens.digest(token), now())
        account = await self._accounts.get(found.account_id) if found else None
        if found is None or account is None:
            raise SecurityLinkDead
        await self._secure(account, tokens.digest(token), client)
        self._outbox.wake()
        log.warning(LogEvent("account.secured", account_id=account.id))

    async def _secure(self, account: Account, digest: bytes, client: Client) -> None:
        moment = now()
        async with self._database.transaction() as session:
            await self._database.hold(session, account.id)
            link = await self._links.consume(session, digest, moment)
            if link is None:  # somebody was quicker
                raise SecurityLinkDead
            await self._effects.end_access(session, account, moment)
            promise = AccountWasSecured(account_id=account.id, email=link.email, at=moment, client=client)
            message_id = await self._outbox.enqueue(session, ACCOUNT_SECURED, promise)
            await self._events.account_secured(
                session, account, client, email=link.email, locks=self.locks, moment=moment
            )
            await self._audit.write(
                session, "account_secured", "secured", client, at=moment, account_id=account.id, email=link.email,
                message_id=message_id,
            )  # fmt: skip
            await session.commit()
