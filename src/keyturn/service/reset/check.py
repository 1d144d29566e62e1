"""Checks a link, and a password for it, without using the link up."""

from datetime import datetime

import msgspec

from keyturn.errors import Fault
from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import CodeMethod, Factor, LinkDead, SecondStepRequired
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.link_lookup import LinkLookup
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.ports import FurtherProof, SecondStepCode
from keyturn.service.reset.records.links import facts_of
from keyturn.service.reset.request import ReturnAddresses
from keyturn.service.reset.stores import Stores
from keyturn.service.telemetry.meters import count_calls


class LinkOwner(Account, frozen=True, kw_only=True):
    """The account of a working link, and the facts of that link.

    `reason`: why an operator asked for it, or "".
    `return_to`: the address to return to after the reset, if the settings allow it, or "".
    `factors`: the second factors, of which a reset needs one.
    """

    expires_at: datetime
    reason: str = ""
    return_to: str = ""
    factors: tuple[Factor, ...] = ()


class LinkChecks:
    """Tells the holder of a link whose it is, what else a reset needs, and what is wrong with a
    password.

    It does not use the link up.
    """

    def __init__(
        self,
        links: LinkLookup,
        stores: Stores,
        policy: PasswordPolicy,
        further_proof: FurtherProof,
        return_addresses: ReturnAddresses,
    ) -> None:
        self.meters = stores.meters
        self._limits = stores.limits
        self._links = links
        self._policy = policy
        self._further_proof = further_proof
        self._return_addresses = return_addresses

    @count_calls("validate")
    async def validate(self, token: str, client: Client, email: str | None = None) -> LinkOwner:
        """Return the account of a link.

        Raises LinkDead with the reason, TooManyRequests, and Unavailable if the store of accounts
        or of second factors does not answer.
        """
        await self._limits.count("validate", client)
        link, account = await self._links.require("link_check", token, email, client)
        facts = facts_of(link)
        factors = await self._further_proof.factors(link, account)
        return LinkOwner(
            **msgspec.structs.asdict(account),
            expires_at=link.expires_at,
            reason=facts.reason,
            return_to=self._return_addresses.allowed(facts.return_to),
            factors=tuple(factors),
        )

    @count_calls("validate")
    async def require_expired(self, token: str, client: Client) -> OneTimeSecret:
        """Return a link that has expired unused.

        Raises LinkDead if it is dead for another reason, InputInvalid if it still works,
        TooManyRequests.
        """
        await self._limits.count("validate", client)
        link = await self._links.find(one_time_secrets.token_digest(token))
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
        """Send a code if the method sends codes, and tell whether one was sent.

        It counts like a reset. Raises LinkDead, TooManyRequests, Unavailable.
        """
        await self._limits.count("reset", client)
        link, account = await self._links.require("second_step", token, email, client)
        try:
            await self._further_proof.require(link, account, SecondStepCode(method=method), client)
        except SecondStepRequired as asked:
            return bool(asked.sent)
        return False

    @count_calls("check")
    async def check_password_for_link(
        self, token: str, password: str, client: Client, email: str | None = None
    ) -> None:
        """Check a password that is not set yet.

        Raises LinkDead, PasswordRejected, TooManyRequests, Busy.

        It counts like a check of the link. The answer does not say whether it is the account's
        current password: that would be a free guess.
        """
        await self._limits.count("validate", client)
        _, account = await self._links.require("password_check", token, email, client)
        await self._policy.require(password, account.email)

    async def check_password_for_owner(self, password: str, client: Client, email: str) -> None:
        """Check a password that is not set yet, of an owner whose link or session was checked
        before; counts like a reset.

        Raises PasswordRejected, TooManyRequests, Busy.
        """
        await self._limits.count("reset", client)
        await self._policy.require(password, email)
