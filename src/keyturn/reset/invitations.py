"""Inviting people to choose their first password: what an operator does, and no stranger."""

import asyncio
import hmac
from collections.abc import Collection

from keyturn import addresses
from keyturn.database import now
from keyturn.outbox import Outbox
from keyturn.problems.proofs import ServiceKeyRefused
from keyturn.reset.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import RESET_REQUESTED, ResetRequested
from keyturn.telemetry.meters import Meters, count_calls

_AT_ONCE = 500
"""Messages that are written in one statement at most."""


class Invitations:
    """Accepts invitations. Who awaits no password gets none: the worker decides, as it does for requests.

    `service_key` is what an operator's app bears; with "" none is let in.
    """

    def __init__(self, outbox: Outbox, limits: RateLimits, *, service_key: str, meters: Meters | None = None) -> None:
        self._outbox = outbox
        self._limits = limits
        self._service_key = service_key
        self.meters = meters or Meters()

    @property
    def over_http(self) -> bool:
        """Whether operators' apps may invite."""
        return bool(self._service_key)

    async def require_key(self, sent: str, client: Client) -> None:
        """Raise ServiceKeyRefused for another key, and TooManyRequests where a client has shown too many.

        The comparison takes as long wherever they differ (CWE-208).
        """
        if not self._service_key or not hmac.compare_digest(sent.encode(), self._service_key.encode()):
            await self._limits.count("malformed", client)
            raise ServiceKeyRefused

    @count_calls("invite")
    async def invite(self, email: str, client: Client) -> None:
        """Accept an invitation. Once this returns, it is committed. Raises InputInvalid for what is no address."""
        await self._post(addresses.parse(email), client)

    async def invite_all(self, emails: Collection[str], operator: Client | None = None) -> None:
        """Accept those of an operator at the command line, who knows that the addresses are accounts'."""
        waiting, client = [addresses.parse(email) for email in emails], operator or Client()
        for start in range(0, len(waiting), _AT_ONCE):
            await asyncio.gather(*(self._post(email, client) for email in waiting[start : start + _AT_ONCE]))

    async def _post(self, address: str, client: Client) -> None:
        await self._outbox.post(RESET_REQUESTED, ResetRequested(email=address, at=now(), client=client, invited=True))
