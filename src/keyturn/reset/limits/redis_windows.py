"""Moving windows in a Redis that all processes share."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from keyturn.errors import Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.problems.requests import LimitsUnready
from keyturn.reset.limits.postgresql_windows import Limit

_PATIENCE = 0.5
"""Seconds for Redis to connect and to answer; there are three tries."""

_TRIAL = RateLimitItemPerSecond(1)


class RedisWindows:
    """Counts with the scripts of `limits`, which Redis runs atomically. Each method raises LimitsUnready."""

    def __init__(self, url: str) -> None:
        self._redis = _connections(url)
        self._storage = _storage(url, self._redis)
        self._limiter = MovingWindowRateLimiter(self._storage)

    async def hit(self, *limits: Limit) -> tuple[int, float]:
        for place, limit in enumerate(limits):
            if wait := await self._seconds_left(self._limiter.hit, *limit):
                return place, wait
        return len(limits), 0

    async def wait(self, rate: RateLimitItem, kind: str, who: str) -> float:
        return await self._seconds_left(self._limiter.test, rate, kind, who)

    async def _seconds_left(
        self, is_accepted: Callable[..., Awaitable[bool]], rate: RateLimitItem, kind: str, who: str
    ) -> float:
        with _unready_where_lost():
            if await is_accepted(rate, kind, who):
                return 0
            window = await self._limiter.get_window_stats(rate, kind, who)
        return max(math.ulp(0), window.reset_time - time.time())

    async def give_back(self, rate: RateLimitItem, kind: str, who: str) -> None:
        bridge = self._storage.bridge
        with _unready_where_lost():  # the newest is the first item of the window's list in Redis
            await bridge.storage.lpop(bridge.prefixed_key(rate.key_for(kind, who)))

    async def clear(self, rate: RateLimitItem, kind: str, who: str) -> None:
        with _unready_where_lost():
            await self._limiter.clear(rate, kind, who)

    async def require_ready(self) -> None:
        with _unready_where_lost():
            await self._limiter.hit(_TRIAL, "trial")

    async def close(self) -> None:
        self._redis.disconnect()
        await asyncio.sleep(0)  # a transport is closed in the loop's next turn


@contextmanager
def _unready_where_lost() -> Iterator[None]:
    """Turn the errors of a store of limits into LimitsUnready."""
    try:
        yield
    except (StorageError, OSError) as error:
        reason = error.storage_error if isinstance(error, StorageError) else error
        raise LimitsUnready(f"the store of the limits cannot be used: {reason}") from error


def _connections(url: str) -> Any:
    """Return our own pool of connections: the storage's own would have no time-outs and could not be closed."""
    with requires_extra("redis", "redis", "limits.storage_url"):
        from coredis import ConnectionPool
    plain = url.replace("redis+unix:", "unix:", 1)
    return ConnectionPool.from_url(plain, connect_timeout=_PATIENCE, stream_timeout=_PATIENCE)


def _storage(url: str, redis: Any) -> Any:
    try:
        return storage_from_string(f"async+{url}", wrap_exceptions=True, connection_pool=redis)
    except ConfigurationError:  # its text contains the password
        raise SettingsInvalid([Fault("limits.storage_url", "must be an address such as redis://host:6379/0")]) from None
