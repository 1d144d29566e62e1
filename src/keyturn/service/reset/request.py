"""Accepts a request for a link: one row of the outbox, with the same answer and work for every
address.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from keyturn.errors import Fault
from keyturn.service import addresses, one_time_secrets
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.requests import InputInvalid, OverBudget
from keyturn.service.reset.records.messages import RESET_REQUESTED, ResetRequested
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_LONGEST_RETURN = 1000
"""Characters: a cookie of the pages holds the address beside others, and a browser keeps 4096
bytes.
"""


RequireAnswer = Callable[[Client, str], Awaitable[None]]
"""Returns if a request may go on with an answer.

Raises ChallengeRequired, ChallengeUnready, TooManyRequests, Busy.
"""


class ReturnAddresses:
    """Accepts addresses to return to after a reset: an origin of the settings, and a path, query,
    fragment or nothing.

    So no parser has to find a host, or can find another (RFC 9700 4.11; OWASP Unvalidated Redirects
    and Forwards).
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = tuple(origins)

    def allowed(self, address: str) -> str:
        """Return the address, or "" if it is not allowed,
        such as after the settings were changed.
        """
        if len(address) > _LONGEST_RETURN or not address.isascii() or not address.isprintable():
            return ""
        rests = [
            address.removeprefix(origin) for origin in self._origins if address.startswith(origin)
        ]
        is_ours = set(' "<>\\').isdisjoint(address) and any(
            rest[:1] in {"", "/", "?", "#"} for rest in rests
        )
        return address if is_ours else ""


@asynccontextmanager
async def _dropped_over_budget() -> AsyncIterator[None]:
    """Drop a request over `limits.overall` without an error, which would tell an attacker that the
    flood works.
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
        require_answer: RequireAnswer | None,
        return_addresses: ReturnAddresses,
    ) -> None:
        self._stores, self.meters = stores, stores.meters
        self._require_answer, self._return_addresses = require_answer, return_addresses

    @_dropped_over_budget()
    @count_calls("request")
    async def accept(
        self, email: str, client: Client, answer: str = "", return_to: str = ""
    ) -> None:
        """Accept a request for a link.

        Once this returns, it is committed, and a worker will answer it.

        `email`: or a user name, if the store takes names. `answer`: to a challenge. `return_to`:
        where to go after the reset. No account is looked up: the work is the same for every address
        (OWASP Forgot Password Cheat Sheet). Raises InputInvalid, ChallengeRequired,
        ChallengeUnready, TooManyRequests.
        """
        try:
            identifier = self._identify(email, return_to)
        except InputInvalid:  # counted separately: a typing mistake costs no try
            await self._stores.limits.count("malformed", client)
            raise
        wanted = ResetRequested(email=identifier, at=now(), client=client, return_to=return_to)
        await self._admit(wanted, answer)
        await self._stores.outbox.post(RESET_REQUESTED, wanted)

    def _identify(self, email: str, return_to: str) -> str:
        """Return what the request names its account by. Raises InputInvalid."""
        identifier = addresses.identify(email, takes_names=self._stores.accounts.takes_names)
        if return_to and not self._return_addresses.allowed(return_to):
            raise InputInvalid(
                Fault("returnTo", "not an address of an origin in the service's return_origins")
            )
        return identifier

    async def _admit(self, wanted: ResetRequested, answer: str) -> None:
        if self._require_answer:  # before more expensive work
            await self._require_answer(wanted.client, answer)
        await self._stores.limits.count("request", wanted.client, "overall")

    @_dropped_over_budget()
    @count_calls("request")
    async def replace(self, link: OneTimeSecret, client: Client, answer: str = "") -> None:
        """Accept a request for the mailbox of an expired link, as `accept` does, once for each
        link.

        Nothing else is sent for that link, so an old one is no standing way to send mails. Raises
        what `accept` does.
        """
        wanted = ResetRequested(
            email=link.facts.email, at=now(), client=client, return_to=link.facts.return_to
        )
        await self._admit(wanted, answer)

        def write(tx: Transaction) -> None:
            if one_time_secrets.end(tx.connection, link, wanted.at):
                tx.outbox.enqueue(RESET_REQUESTED, wanted)

        await self._stores.transact(write)
