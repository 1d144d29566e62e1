"""Finds the link of a token and its account.

Waiting requests share the statement that reads their links.
"""

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database.batching import lookup
from keyturn.service.one_time_secrets import OneTimeSecret, SecretRow, secret_of
from keyturn.service.problems.problem import outcome_of
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.reset.records.links import LINKS, facts_of
from keyturn.service.reset.stores import Stores


class LinkLookup:
    """Finds the link of a token and its account.

    The audit trail records a link of Keyturn's that is refused, and the reason.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._by_key = lookup(
            stores.database, one_time_secrets.all_of(LINKS), SecretRow.key, secret_of
        )

    async def find(self, key: bytes) -> OneTimeSecret | None:
        """Return the link with that key; None if there is none. It may be dead."""
        return await self._by_key.submit(key)

    async def require(
        self, event: str, token: str, email: str | None, client: Client
    ) -> tuple[OneTimeSecret, Account]:
        """Return the link of the token and its account.

        Raises LinkDead with the reason, recorded as `event`.

        A link is dead, too, if its account was disabled or has a new address since. An invitation
        is dead if its account has a password by now. `email`: the address that the client names for
        the account; with another one, the link counts as dead.
        """
        link = await self.find(one_time_secrets.token_digest(token))
        if link is None:
            # It is not recorded: invented tokens would fill the audit trail.
            raise LinkDead("invalid")
        reason = link.dead_reason(now())
        if reason:
            dead = LinkDead(reason)
            # A link that was revoked after its expiry has been replaced already.
            if reason == "expired" and link.revoked_at is None:
                dead.email_hint = identifiers.mask(facts_of(link).email)
            raise await self.record_dead(dead, event, link, client)
        # Only now, since the store may be unavailable: a dead link is refused without it.
        account = await self._stores.accounts.get(link.account_id)
        if account is None or not _opens(link, account):
            raise await self.record_dead(LinkDead("invalid"), event, link, client)
        if email is not None and not identifiers.is_same_mailbox(account.email, email):
            dead = LinkDead("invalid")
            dead.is_another = True
            raise await self.record_dead(dead, event, link, client)
        return link, account

    async def record_dead(
        self, dead: LinkDead, event: str, link: OneTimeSecret, client: Client
    ) -> LinkDead:
        """Record in the audit trail that a link was refused (OWASP ASVS 16.3.3); return `dead`."""
        await self._stores.audit.record(
            event, outcome_of(dead), client, link.account_id, facts_of(link).email
        )
        return dead


def _opens(link: OneTimeSecret, account: Account) -> bool:
    """Tell whether the link works for the account as it is now.

    The account must have the link's address, and be active or, for a link that recovers, locked. A
    link that invites works for days and may have been forwarded, so the account must still await
    its first password.
    """
    facts = facts_of(link)
    if facts.invites and not account.awaits_password:
        return False
    if not identifiers.is_same_mailbox(account.email, facts.email):
        return False
    return account.active or (link.recovers and account.locked)
