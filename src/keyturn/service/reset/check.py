"""Checks whether a link works, and finds its account.

Waiting requests share the statements that read both.
"""

from datetime import datetime

import msgspec

from keyturn.errors import Fault
from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database.database import lookup
from keyturn.service.one_time_secrets import OneTimeSecret, SecretRow, secret_of
from keyturn.service.problems.problem import outcome_of
from keyturn.service.problems.proofs import CodeMethod, Factor, LinkDead, SecondStepRequired
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.ports import SecondProof, SecondStepCode
from keyturn.service.reset.records.links import LINKS
from keyturn.service.reset.request import ReturnAddresses
from keyturn.service.reset.stores import Stores
from keyturn.service.telemetry.meters import count_calls


class LiveLinks:
    """Finds the link of a token and its account.

    The audit trail records refused links of ours, and why.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.find = lookup(
            stores.database, one_time_secrets.all_of(LINKS), SecretRow.key, secret_of
        ).submit
        """Return the link with that key, or None."""

    async def require(
        self, event: str, token: str, email: str | None, client: Client
    ) -> tuple[OneTimeSecret, Account]:
        """Return the link of the token and its account.

        Raises LinkDead with the reason, recorded as `event`.

        A link is dead, too, if its account was disabled or has a new address since, if it invites
        and the account has a password by now, or if `email` is another address.
        """
        link = await self.find(one_time_secrets.digest(token))
        if link is None:  # not recorded: invented tokens would fill the audit trail
            raise LinkDead("invalid")
        if reason := link.dead_reason(now()):
            dead = LinkDead(reason)
            # One that was ended after it had expired has been replaced.
            dead.email_hint = (
                addresses.mask(link.facts.email)
                if reason == "expired" and not link.revoked_at
                else ""
            )
            raise await self.record_dead(dead, event, link, client)
        account = await self._stores.accounts.get(
            link.account_id
        )  # only now: the store may be unavailable
        is_other = (
            email is not None
            and account is not None
            and not addresses.is_same_mailbox(account.email, email)
        )
        if account is None or is_other or not _opens(link, account):
            dead = LinkDead("invalid")
            dead.is_another = is_other and account is not None and _opens(link, account)
            raise await self.record_dead(dead, event, link, client)
        return link, account

    async def record_dead(
        self, dead: LinkDead, event: str, link: OneTimeSecret, client: Client
    ) -> LinkDead:
        """Return `dead`, after the audit trail has recorded that a link of ours was refused (OWASP
        ASVS 16.3.3).
        """
        await self._stores.audit.record(
            event, outcome_of(dead), client, link.account_id, link.facts.email
        )
        return dead


def _opens(link: OneTimeSecret, account: Account) -> bool:
    """Return whether the link fits the account as it is now: its address, and active or, if it
    recovers, locked.

    One that invites works for days, for whoever was forwarded it: the account must still await its
    first password.
    """
    facts = link.facts
    is_open = account.active or (link.recovers and account.locked)
    is_due = account.awaits_password or not facts.invites
    return is_open and is_due and addresses.is_same_mailbox(account.email, facts.email)


class LiveLink(Account, frozen=True, kw_only=True):
    """The account of a working link, and the second `factors` of which a reset needs one.

    `reason`: why an operator asked for it. `return_to`: where to go after the reset, if the
    settings allow it.
    """

    expires_at: datetime
    reason: str = ""
    return_to: str = ""
    factors: tuple[Factor, ...] = ()


class LinkChecks:
    """Tells a link's holder whose it is, what else a reset needs, and what is wrong with a
    password. Uses up none.
    """

    def __init__(
        self,
        links: LiveLinks,
        stores: Stores,
        policy: PasswordPolicy,
        second_step: SecondProof,
        return_addresses: ReturnAddresses,
    ) -> None:
        self._stores, self.meters = stores, stores.meters
        self._links, self._policy, self._second_step = links, policy, second_step
        self._return_addresses = return_addresses

    @count_calls("validate")
    async def validate(self, token: str, client: Client, email: str | None = None) -> LiveLink:
        """Return whose link it is, without using it up.

        Raises LinkDead with the reason, TooManyRequests.
        """
        await self._stores.limits.count("validate", client)
        link, account = await self._links.require("link_check", token, email, client)
        return LiveLink(
            **msgspec.structs.asdict(account),
            expires_at=link.expires_at,
            reason=link.facts.reason,
            return_to=self._return_addresses.allowed(link.facts.return_to),
            factors=tuple(await self._second_step.factors(link, account)),
        )

    @count_calls("validate")
    async def require_expired(self, token: str, client: Client) -> OneTimeSecret:
        """Return a link that has expired unused.

        Raises LinkDead, InputInvalid if it works, TooManyRequests.
        """
        await self._stores.limits.count("validate", client)
        link = await self._links.find(one_time_secrets.digest(token))
        if link is None:
            raise LinkDead("invalid")
        reason = link.dead_reason(now())
        if reason is None:
            raise InputInvalid(Fault("token", "still works"))
        if reason != "expired":
            raise await self._links.record_dead(LinkDead(reason), "link_check", link, client)
        return link

    @count_calls("second_step")
    async def begin_second_step(
        self, token: str, method: CodeMethod, client: Client, email: str | None = None
    ) -> bool:
        """Return whether a code is sent; counts like a reset.

        Raises LinkDead, TooManyRequests, Unavailable.
        """
        await self._stores.limits.count("reset", client)
        link, account = await self._links.require("second_step", token, email, client)
        try:
            await self._second_step.require(link, account, SecondStepCode(method=method), client)
        except SecondStepRequired as asked:
            return bool(asked.sent)
        return False

    @count_calls("check")
    async def judge(
        self, token: str, password: str, client: Client, email: str | None = None
    ) -> None:
        """Check a password that is not set yet.

        Raises LinkDead, PasswordRejected, TooManyRequests, Busy.

        It counts like a check of the link. Whether it is the account's own stays unsaid: that would
        be a free guess.
        """
        await self._stores.limits.count("validate", client)
        _, account = await self._links.require("password_check", token, email, client)
        await self._policy.require(password, account.email)

    async def check_password(self, password: str, client: Client, email: str) -> None:
        """Check a password that is not set yet; counts like a reset.

        Raises PasswordRejected, TooManyRequests, Busy.
        """
        await self._stores.limits.count("reset", client)
        await self._policy.require(password, email)
