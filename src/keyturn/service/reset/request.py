"""Accepts requests for links: each is one row of the outbox.

The answer and the work are the same for every address.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from keyturn.errors import Fault
from keyturn.service import identifiers, one_time_secrets
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.requests import InputInvalid, OverBudget
from keyturn.service.reset.proofs.challenge import RequestChallenge
from keyturn.service.reset.records.links import facts_of
from keyturn.service.reset.records.messages import RESET_REQUESTED, ResetRequested
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_LONGEST_RETURN = 1000
"""Characters of an address to return to. A cookie of the pages holds it with other values, and
browsers keep cookies of 4096 bytes.
"""

_NEVER_IN_ADDRESSES = frozenset(' "<>\\')
"""What RFC 3986 leaves out of every address, and a browser may read in its own way: a backslash as
a slash.
"""

_AFTER_AN_ORIGIN = ("", "/", "?", "#")
"""How the rest of an address begins, after its origin; "" if nothing follows."""


class ReturnAddresses:
    """Checks the addresses to return to after a reset.

    An allowed address is an origin of the settings, followed by nothing, a path, a query or a
    fragment. Texts are compared and no URL is parsed, so no parser can find another host in it (RFC
    9700 4.11; OWASP Unvalidated Redirects and Forwards).
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = tuple(origins)

    def allowed(self, address: str) -> str:
        """Return the address; "" if it is not allowed, or no longer."""
        if len(address) > _LONGEST_RETURN:
            return ""
        if not address.isascii() or not address.isprintable():
            return ""
        if not _NEVER_IN_ADDRESSES.isdisjoint(address):
            return ""
        for origin in self._origins:
            # Without the end, "https://app.example" would also allow "https://app.example.evil".
            if address.startswith(origin) and address[len(origin) :][:1] in _AFTER_AN_ORIGIN:
                return address
        return ""


@asynccontextmanager
async def _dropped_over_budget() -> AsyncIterator[None]:
    """Drop a request over `limits.overall` without an error.

    An error would tell an attacker that the flood works.
    """
    try:
        yield
    except OverBudget:
        reset_log.warning(LogEvent("reset.over_budget"))


class ResetRequests:
    """Accepts requests for links: the challenge first, if there is one, then the limits, then one
    row of the outbox.
    """

    def __init__(
        self,
        stores: Stores,
        challenge: RequestChallenge | None,
        return_addresses: ReturnAddresses,
    ) -> None:
        self._stores = stores
        self.meters = stores.meters
        self._challenge = challenge
        self._return_addresses = return_addresses

    @_dropped_over_budget()
    @count_calls("request")
    async def accept(
        self, email: str, client: Client, answer: str = "", return_to: str = ""
    ) -> None:
        """Accept a request for a link.

        On return it is committed, and a worker will answer it. Over `limits.overall` it is dropped.

        No account is looked up, so the work is the same for every address (OWASP Forgot Password
        Cheat Sheet).

        `email`: the address, or a user name if the store takes names.
        `answer`: the answer to a challenge.
        `return_to`: the address to return to after the reset.

        Raises InputInvalid, ChallengeRequired, ChallengeUnready, TooManyRequests, Busy,
        DatabaseUnready.
        """
        try:
            identifier = self._identify(email, return_to)
        except InputInvalid:
            # Counted apart: a typing mistake does not use up a request.
            await self._stores.limits.count("malformed", client)
            raise
        wanted = ResetRequested(email=identifier, at=now(), client=client, return_to=return_to)
        await self._admit(wanted, answer)
        await self._stores.outbox.post(RESET_REQUESTED, wanted)

    def _identify(self, email: str, return_to: str) -> str:
        """Return the address or the user name. Raises InputInvalid, also for `return_to`."""
        identifier = identifiers.identify(email, takes_names=self._stores.accounts.takes_names)
        if return_to and not self._return_addresses.allowed(return_to):
            raise InputInvalid(
                Fault("returnTo", "not an address of an origin in the service's return_origins")
            )
        return identifier

    async def _admit(self, wanted: ResetRequested, answer: str) -> None:
        # Before more expensive work.
        if self._challenge:
            await self._challenge.require(wanted.client, answer)
        await self._stores.limits.count("request", wanted.client, within_overall=True)

    @_dropped_over_budget()
    @count_calls("request")
    async def replace(self, link: OneTimeSecret, client: Client, answer: str = "") -> None:
        """Accept a request for the mailbox of an expired link, once for each link.

        Later requests for the same link send nothing: the holder of an old link must not be able to
        send mails again and again. Raises the errors of `accept`, except InputInvalid.
        """
        facts = facts_of(link)
        wanted = ResetRequested(
            email=facts.email, at=now(), client=client, return_to=facts.return_to
        )
        await self._admit(wanted, answer)

        def write(tx: Transaction) -> None:
            if one_time_secrets.end(tx.connection, link, wanted.at):
                tx.outbox.enqueue(RESET_REQUESTED, wanted)

        await self._stores.transact(write)
