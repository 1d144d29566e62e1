"""Limits by client and by account, in memory or in a Redis that all processes share (OWASP ASVS 6.3.1, 2.4.1)."""

import math
import time
from hashlib import sha256

from limits import RateLimitItem, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from keyturn.errors import TooManyRequests
from keyturn.reset.client import Client
from keyturn.settings import LimitSettings


class Throttle:
    """One counter a kind of request and client; the answer when it is full never depends on the account."""

    def __init__(self, settings: LimitSettings) -> None:
        self._limiter = MovingWindowRateLimiter(storage_from_string(f"async+{settings.storage_url}"))
        self._rates: dict[str, RateLimitItem] = {
            name: parse(getattr(settings, name)) for name in ("request", "validate", "reset", "login", "account")
        }

    async def count(self, kind: str, client: Client) -> None:
        """Count a request of `kind` against its client. Raises TooManyRequests where the limit is used up."""
        await self._hit(kind, client.network)

    async def count_guess(self, account: str) -> None:
        """Count a guess at a password against the account, whoever makes it. Raises TooManyRequests.

        The counter's key is a digest, so that the store of limits holds no addresses.
        """
        await self._hit("account", sha256(account.encode()).hexdigest())

    async def _hit(self, kind: str, who: str) -> None:
        rate = self._rates[kind]
        if not await self._limiter.hit(rate, kind, who):
            window = await self._limiter.get_window_stats(rate, kind, who)
            raise TooManyRequests(max(1, math.ceil(window.reset_time - time.time())))
