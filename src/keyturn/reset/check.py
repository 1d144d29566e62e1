"""Links that work, with the accounts that they open."""

from collections.abc import Sequence
from datetime import datetime

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore, JoinsReads
from keyturn.database import Database, now
from keyturn.database.batching import Batcher
from keyturn.problems.problem import outcome_of
from keyturn.problems.proofs import LinkDead
from keyturn.problems.requests import DatabaseUnready
from keyturn.reset.complete import Demand, LinkAuthorization
from keyturn.reset.records import tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import Link, LinkStore, link_of, select_links
from keyturn.reset.records.models import ResetTokenRow

_Found = tuple[Link, Account | None]
"""A link, and its account where there is one."""


class LiveLinks:
    """Finds the link of a token and its account; the audit trail says which of ours were refused, and why.

    Both are found by one statement where the accounts are in Keyturn's own database, and can be.
    """

    def __init__(self, database: Database, links: LinkStore, accounts: AccountStore, audit: Audit) -> None:
        self._links = links
        self._accounts = accounts
        self._audit = audit
        self._joined = _JoinedLinks(database, accounts) if isinstance(accounts, JoinsReads) else None

    async def require(self, event: str, token: str, email: str | None, client: Client) -> tuple[Link, Account]:
        """Return the link of the token and its account. Raises LinkDead with the reason.

        A link whose account was disabled or has a new address since is dead, as is one that is shown with another
        address than `email`. What was refused is recorded as `event`.
        """
        moment = now()
        found = await self._find(tokens.digest(token), moment)
        if found is None:  # no trace: whoever invents tokens would fill the audit trail
            raise LinkDead("invalid")
        link, account = found
        if reason := link.dead_reason(moment):
            raise await self.record_dead(LinkDead(reason), event, link, client)
        if account is None or not _opens(link, account):
            raise await self.record_dead(LinkDead("invalid"), event, link, client)
        if email is not None and not addresses.is_same_mailbox(account.email, email):
            raise await self.record_dead(LinkDead("invalid"), event, link, client)
        return link, account

    async def _find(self, digest: bytes, moment: datetime) -> _Found | None:
        if self._joined:
            return await self._joined.find(digest)
        link = await self._links.find(digest)
        if link is None:
            return None
        # Of a link that is dead anyway, the store is not asked: it may be away.
        return link, None if link.dead_reason(moment) else await self._accounts.get(link.account_id)

    def authorization(self, token: str, demand: Demand | None) -> LinkAuthorization:
        """Return what the link of the token allows; `demand` asks for the second step."""
        return LinkAuthorization(self._links, tokens.digest(token), demand)

    async def record_dead(self, dead: LinkDead, event: str, link: Link, client: Client) -> LinkDead:
        """Return `dead`, once the audit trail says that a link of ours was refused (OWASP ASVS 16.3.3)."""
        await self.record(event, outcome_of(dead), link, client)
        return dead

    async def record(self, event: str, outcome: str, link: Link, client: Client) -> None:
        await self._audit.record(event, outcome, client, at=now(), account_id=link.account_id, email=link.email)


def _opens(link: Link, account: Account) -> bool:
    """Tell whether the link may set the account's password, as the account is now.

    No link opens an account that has another address by now. One that recovers it opens a locked account, too.
    """
    is_open = account.active or (link.recovers and account.locked)
    return is_open and addresses.is_same_mailbox(account.email, link.email)


class _JoinedLinks:
    """Finds links and accounts by one statement for all who ask at once."""

    def __init__(self, database: Database, accounts: JoinsReads) -> None:
        self._database = database
        self._accounts = accounts
        self._statement = accounts.join(select_links(database), ResetTokenRow.account_id)
        self._finds: Batcher[bytes, _Found | None] = Batcher(
            self._find_all, common=DatabaseUnready, gathers=database.is_sqlite, deadline=database.deadline
        )

    async def find(self, digest: bytes) -> _Found | None:
        return await self._finds.submit(digest)

    async def _find_all(self, digests: Sequence[bytes]) -> Sequence[_Found | None]:
        found = {
            bytes(row["digest"]): (link_of(row), self._accounts.joined_account(row))
            for row in await self._database.fetch(self._statement, {"digests": list(set(digests))})
        }
        return [found.get(digest) for digest in digests]
