"""Limits by client and by account, in memory or in a Redis that all processes share (OWASP ASVS 6.3.1, 2.4.1)."""

import asyncio
import math
import time
from hashlib import sha256
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from keyturn.errors import Fault, LimitsUnready, SettingsInvalid, TooManyRequests
from keyturn.packaging import requires_extra
from keyturn.reset.records.client import Client
from keyturn.settings import LimitSettings

_PATIENCE = 0.5
"""Seconds that a Redis gets to connect and to answer; it is tried three times."""

_TRIAL = RateLimitItemPerSecond(1)


class RateLimits:
    """One counter a kind of request and client; the answer when it is full never depends on the account.

    Where the counters cannot be reached, nothing is let through: an attacker who can bring Redis down must not win
    unlimited guesses with it (OWASP ASVS 16.5.3, "fail-open conditions").
    """

    def __init__(self, settings: LimitSettings) -> None:
        url = settings.storage_url
        self._redis = _connections(url) if url.startswith("redis") else None
        self._limiter = MovingWindowRateLimiter(_storage(url, self._redis))
        self._rates: dict[str, RateLimitItem] = {
            name: parse(getattr(settings, name)) for name in ("request", "validate", "reset", "login", "account")
        }

    async def count(self, kind: str, client: Client) -> None:
        """Count a request of `kind` against its client. Raises TooManyRequests where the limit is used up."""
        await self._hit(kind, client.network)

    async def count_guess(self, guesser: str) -> None:
        """Count a guess at a password against an account or a device (`device_cookies.py`). Raises TooManyRequests.

        The counter's key is a digest, so that the store of limits holds no addresses.
        """
        await self._hit("account", _key(guesser))

    async def forget_guesses(self, guesser: str) -> None:
        """Begin to count anew."""
        with _unready_where_lost():
            await self._limiter.clear(self._rates["account"], "account", _key(guesser))

    async def require_ready(self) -> None:
        """Raise LimitsUnready unless a counter can be written."""
        with _unready_where_lost():
            await self._limiter.hit(_TRIAL, "trial")

    async def close(self) -> None:
        if self._redis:
            self._redis.disconnect()
            await asyncio.sleep(0)  # a transport is closed in the loop's next turn

    async def _hit(self, kind: str, who: str) -> None:
        rate = self._rates[kind]
        with _unready_where_lost():
            if await self._limiter.hit(rate, kind, who):
                return
            window = await self._limiter.get_window_stats(rate, kind, who)
        raise TooManyRequests(max(1, math.ceil(window.reset_time - time.time())))


def _key(guesser: str) -> str:
    return sha256(guesser.encode()).hexdigest()


class _unready_where_lost:  # noqa: N801 - reads as the words of a `with` statement
    """Turns what a store of limits raises into LimitsUnready."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (StorageError, OSError)):
            reason = error.storage_error if isinstance(error, StorageError) else error
            raise LimitsUnready(f"the store of the limits cannot be used: {reason}") from error


def _connections(url: str) -> Any:
    """Return a pool of our own: the one that the storage would make has no time-outs, and nobody could close it."""
    with requires_extra("redis", "redis", "limits.storage_url"):
        from coredis import ConnectionPool  # noqa: PLC0415 - an extra
    plain = url.replace("redis+unix:", "unix:", 1)
    return ConnectionPool.from_url(plain, connect_timeout=_PATIENCE, stream_timeout=_PATIENCE)


def _storage(url: str, redis: Any) -> Any:
    options = {"connection_pool": redis} if redis else {}
    try:
        return storage_from_string(f"async+{url}", wrap_exceptions=True, **options)
    except ConfigurationError:  # whose text holds the password
        raise SettingsInvalid([Fault("limits.storage_url", "not an address like redis://host:6379/0")]) from None
