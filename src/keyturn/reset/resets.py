"""The three things that can be done with a reset link: ask for one, check it, use it."""

import logging
import math
from datetime import datetime, timedelta

import msgspec

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore
from keyturn.database import Database, now
from keyturn.errors import DeadReason, LinkDead
from keyturn.logs import LogEvent
from keyturn.meters import Meters, counted
from keyturn.outbox import Outbox
from keyturn.reset import tokens
from keyturn.reset.audit import Audit
from keyturn.reset.client import Client
from keyturn.reset.hashing import PasswordHasher
from keyturn.reset.intents import PASSWORD_CHANGED, RESET_REQUESTED, PasswordWasChanged, ResetRequested
from keyturn.reset.password import PasswordPolicy
from keyturn.reset.store import Link, LinkStore
from keyturn.reset.throttle import Throttle

log = logging.getLogger("keyturn.reset")


class LiveLink(msgspec.Struct, frozen=True, kw_only=True):
    """`locale` is the account's, empty where it has none."""

    email: str
    expires_at: datetime
    locale: str = ""


class PasswordResets:
    def __init__(
        self, database: Database, accounts: AccountStore, links: LinkStore, outbox: Outbox, audit: Audit,
        throttle: Throttle, policy: PasswordPolicy, hasher: PasswordHasher, meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._throttle = throttle
        self._policy = policy
        self._hasher = hasher
        self.meters = meters or Meters()

    @counted("request")
    async def request(self, email: str, client: Client) -> None:
        """Accept the wish for a link. Once this returns, it is committed, and a worker will see to it.

        No account is looked up: the work, and so the time it takes, is the same for every address (OWASP Forgot
        Password Cheat Sheet). Raises InputInvalid for what is no address, TooManyRequests.
        """
        address = addresses.parse(email)
        await self._throttle.count("request", client)
        await self._outbox.post(RESET_REQUESTED, ResetRequested(email=address, at=now(), client=client))

    async def cooldown_left(self, email: str, cooldown: timedelta) -> timedelta:
        """Return how long a worker would not send another link to the address, in whole seconds.

        For its owner alone: to anybody else it would tell that there is an account (ASVS 6.3.8).
        """
        left = await self._links.cooldown_left(email, now(), cooldown)
        return timedelta(seconds=math.ceil(left.total_seconds()))

    @counted("validate")
    async def validate(self, token: str, client: Client, email: str | None = None) -> LiveLink:
        """Return whose link it is. It is not used up by this. Raises LinkDead with the reason, TooManyRequests."""
        await self._throttle.count("validate", client)
        link, account = await self._live(token, email)
        return LiveLink(email=account.email, expires_at=link.expires_at, locale=account.locale)

    @counted("reset")
    async def complete(self, token: str, password: str, client: Client, email: str | None = None) -> None:
        """Set a new password and use up the link; end the account's other links and its sessions.

        Raises LinkDead, PasswordRejected (the link survives), Busy, TooManyRequests.
        """
        await self._throttle.count("reset", client)
        _, account = await self._live(token, email)
        self._policy.require(password, account.email)
        password_hash = await self._hasher.hash(password)
        digest, moment = tokens.digest(token), now()
        async with self._database.transaction() as session:
            # One change an account at a time: two of its links used at once would each wait for the other to end.
            await self._database.hold(session, account.id)
            if not await self._links.consume(session, digest, moment):
                await session.rollback()  # gives its connection back: many who come late must not each need two
                raise LinkDead(await self._reason(digest))
            if not await self._accounts.set_password(session, account, password_hash):
                raise LinkDead("invalid")  # disabled, or at another address, since the hash was begun
            await self._links.revoke_all(session, account.id, moment)
            confirmation = await self._outbox.enqueue(
                session, PASSWORD_CHANGED, PasswordWasChanged(account_id=account.id, at=moment, client=client)
            )
            await self._audit.write(
                session, "password_reset", "changed", client, at=moment, account_id=account.id, email=account.email,
                message_id=confirmation,
            )  # fmt: skip
            await session.commit()
        self._outbox.waiting.set()
        log.info(LogEvent("reset.completed", account_id=account.id))

    async def _live(self, token: str, email: str | None) -> tuple[Link, Account]:
        """Return the link and its account. A link whose account was disabled or has a new address since is dead."""
        link = await self._links.find(tokens.digest(token))
        if link is None:
            raise LinkDead("invalid")
        if reason := link.dead(now()):
            raise LinkDead(reason)
        account = await self._accounts.get(link.account_id)
        if account is None or not account.active or not addresses.same(account.email, link.email):
            raise LinkDead("invalid")
        if email is not None and not addresses.same(account.email, email):
            raise LinkDead("invalid")
        return link, account

    async def _reason(self, digest: bytes) -> DeadReason:
        link = await self._links.find(digest)
        return (link.dead(now()) if link else None) or "invalid"
