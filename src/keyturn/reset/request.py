"""The three things that can be done with a reset link: ask for one, check it, use it."""

import contextlib
import logging
from datetime import datetime
from functools import partial

import msgspec

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.outbox import Outbox
from keyturn.problems.passwords import ResetRefused
from keyturn.problems.problem import outcome_of
from keyturn.problems.proofs import Factor, LinkDead
from keyturn.problems.requests import InputInvalid, LimitsUnready, OverBudget
from keyturn.reset.change import Change
from keyturn.reset.check import LiveLinks
from keyturn.reset.complete import PasswordChanges
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.passwords.policy import PasswordPolicy
from keyturn.reset.proofs.challenge import Answer, RequestChallenge
from keyturn.reset.proofs.second_step.port import Method
from keyturn.reset.proofs.second_step.required import RequiredSecondStep, SecondStepAnswer
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import Link
from keyturn.reset.records.messages import RESET_REQUESTED, ResetRequested
from keyturn.reset.reset_hook import ResetHook
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters, count_calls

log = logging.getLogger("keyturn.reset")


class LiveLink(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a link is, and until when it works. `locale`, `kind` and `timezone` are the account's, or "".

    `awaits_password` says that it sets the account's first password. `reason` is why an operator asked for a new one.
    `factors` are what a reset needs one of besides.
    """

    email: str
    expires_at: datetime
    locale: str = ""
    kind: str = ""
    timezone: str = ""
    awaits_password: bool = False
    reason: str = ""
    factors: tuple[Factor, ...] = ()


class PasswordResets:
    """Accepts requests for links, checks links and completes resets."""

    def __init__(
        self,
        links: LiveLinks,
        outbox: Outbox,
        limits: RateLimits,
        changes: PasswordChanges,
        policy: PasswordPolicy,
        meters: Meters | None = None,
        challenge: RequestChallenge | None = None,
        hook: ResetHook | None = None,
        second_step: RequiredSecondStep | None = None,
    ) -> None:
        self._challenge = challenge
        self._links = links
        self._outbox = outbox
        self._limits = limits
        self._changes = changes
        self._policy = policy
        self.meters = meters or Meters()
        self._hook = hook
        self._second_step = second_step

    async def request(self, email: str, client: Client, answer: Answer = Answer()) -> None:  # noqa: B008 - frozen
        """Accept the wish for a link. Once this returns, it is committed, and a worker will see to it.

        Or all clients together ask for more than `limits.overall`: then nothing is, and nobody is told, since that
        answer would tell whoever caused it that it works. The figures count it as limited, and the log says so.

        No account is looked up: the work, and so the time it takes, is the same for every address (OWASP Forgot
        Password Cheat Sheet). `answer` is that to a challenge. Raises InputInvalid for what is no address,
        ChallengeRequired, ChallengeUnready, TooManyRequests.
        """
        try:
            await self._accept(email, client, answer)
        except OverBudget:
            log.warning(LogEvent("reset.over_budget"))

    @count_calls("request")
    async def _accept(self, email: str, client: Client, answer: Answer) -> None:
        try:
            address = addresses.parse(email)
        except InputInvalid:  # counted apart: who mistypes has as many tries left
            await self.count_malformed(client)
            raise
        if self._challenge:  # before anything that costs more
            await self._challenge.require(answer, client)
        await self._limits.count("request", client)
        await self._limits.count_overall()
        await self._outbox.post(RESET_REQUESTED, ResetRequested(email=address, at=now(), client=client))

    async def count_malformed(self, client: Client) -> None:
        """Count a request that says nothing that could be done. Raises TooManyRequests."""
        await self._limits.count("malformed", client)

    async def require_readable(self, client: Client) -> None:
        """Raise TooManyRequests where the client has sent too much of that, before more is read of it."""
        await self._limits.require_left("malformed", client)

    @count_calls("validate")
    async def validate(self, token: str, client: Client, email: str | None = None) -> LiveLink:
        """Return whose link it is. It is not used up by this. Raises LinkDead with the reason, TooManyRequests."""
        await self._limits.count("validate", client)
        link, account = await self._links.require("link_check", token, email, client)
        return LiveLink(
            email=account.email,
            expires_at=link.expires_at,
            locale=account.locale,
            kind=account.kind,
            timezone=account.timezone,
            awaits_password=account.awaits_password,
            reason=link.reason,
            factors=tuple(await self._second_step.factors(account)) if self._second_step else (),
        )

    @count_calls("second_step")
    async def begin_second_step(self, token: str, method: Method, client: Client, email: str | None = None) -> bool:
        """Send a code to whoever holds a live link, where the account has a factor for it; tell whether one is sent.

        It counts like a reset. Raises LinkDead, TooManyRequests, Unavailable.
        """
        await self._limits.count("reset", client)
        link, account = await self._links.require("second_step", token, email, client)
        return bool(self._second_step and await self._second_step.begin(link, account, method, client))

    @count_calls("check")
    async def judge(self, token: str, password: str, client: Client, email: str | None = None) -> None:
        """Say what is wrong with a password before it is set, to whoever holds a live link, so that a form can tell.

        It counts like a check of the link. Whether it is the account's own is not said: that would make guessing it
        free. Raises LinkDead, PasswordRejected, TooManyRequests, Busy.
        """
        await self._limits.count("validate", client)
        _, account = await self._links.require("password_check", token, email, client)
        await self._policy.require(password, account.email)

    async def check_password(self, password: str, client: Client, email: str) -> None:
        """Say what is wrong with a password that is not set yet; it counts like a reset, whose rules it has judged.

        Raises PasswordRejected, TooManyRequests, Busy.
        """
        await self._limits.count("reset", client)
        await self._policy.require(password, email)

    @count_calls("reset")
    async def complete(
        self,
        token: str,
        password: str,
        client: Client,
        email: str | None = None,
        answer: SecondStepAnswer | None = None,
    ) -> Account:
        """Set a new password and use up the link; end the account's other links and its sessions. Return whose it is.

        `answer` is to the second step, where the account has one. Guesses that strangers made at the old password no
        longer count. Raises LinkDead, PasswordRejected, ResetRefused, SecondStepRequired, SecondStepRejected (the link
        survives these four), Busy, AccountsUnready, HookFailed, TooManyRequests.
        """
        await self._limits.count("reset", client)
        link, account = await self._links.require("password_reset", token, email, client)
        if self._hook:
            await self._require_consent(self._hook, link, account, client)
        step = self._second_step
        demand = partial(step.require, link, account, answer, client) if step else None
        authorization = self._links.authorization(token, demand)
        change = Change(account=account, password=password, client=client, authorization=authorization)
        try:
            await self._changes.make(change)
        except LinkDead as dead:  # somebody was quicker
            raise await self._links.record_dead(dead, "password_reset", link, client) from None
        log.info(LogEvent("reset.completed", account_id=account.id))
        with contextlib.suppress(LimitsUnready):  # the password is changed, whatever becomes of the counter
            await self._limits.forget_guesses(addresses.normalize(account.email))
        return account

    async def _require_consent(self, hook: ResetHook, link: Link, account: Account, client: Client) -> None:
        """Ask the app, which is told whose reset it is. The trail says where it refused."""
        try:
            await hook.require_consent(account, client)
        except ResetRefused as refused:
            await self._links.record("password_reset", outcome_of(refused), link, client)
            raise
