"""Completes resets: sets a new password with a link."""

import contextlib

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.problems.requests import LimitsUnready
from keyturn.service.reset.change import PasswordChanges
from keyturn.service.reset.change_by_link import ChangeByLink
from keyturn.service.reset.link_lookup import LinkLookup
from keyturn.service.reset.ports import FurtherProof, SecondStepCode
from keyturn.service.reset.stores import Stores
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls


class PasswordResets:
    """Completes resets: changes the password, and forgets the guesses at the old one."""

    def __init__(
        self,
        links: LinkLookup,
        stores: Stores,
        changes: PasswordChanges,
        further_proof: FurtherProof,
    ) -> None:
        self.meters = stores.meters
        self._limits = stores.limits
        self._links = links
        self._changes = changes
        self._further_proof = further_proof

    @count_calls("reset")
    async def complete(
        self,
        token: str,
        password: str,
        client: Client,
        email: str | None = None,
        answer: SecondStepCode | None = None,
    ) -> Account:
        """Set a new password, use up the link, and end the account's other links and its sessions.

        Return the account.

        `email`: the account's address, if the client names it; it must be right.
        `answer`: the answer to the second step, if the account has one.

        Raises LinkDead, OutcomeUnknown, TooManyRequests. The link survives PasswordRejected,
        ChangeRefused, SecondStepRequired, SecondStepRejected, Busy and AccountsUnready.
        """
        await self._limits.count("reset", client)
        link, account = await self._links.require("password_reset", token, email, client)
        change = ChangeByLink(
            account=account,
            password=password,
            client=client,
            links=self._links,
            link=link,
            further_proof=self._further_proof,
            answer=answer,
        )
        try:
            await self._changes.make(change)
        except LinkDead as dead:  # another request was faster, or the last try of a code was wrong
            raise await self._links.record_dead(dead, "password_reset", link, client) from None
        reset_log.info(LogEvent("reset.completed", account_id=account.id))
        # The password is changed, even if the counter cannot be written.
        with contextlib.suppress(LimitsUnready):
            await self._limits.forget_guesses(identifiers.normalize_address(account.email))
        return account
