"""A limit, and the decision whether its counter lets a request through: arithmetic alone.

The level of a counter is the time, in seconds, until it is empty.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import msgspec

from keyturn.service.settings.rates import Rate

ROUNDING = 0.001
"""Seconds by which a request may be let through early."""


class Limit(msgspec.Struct, frozen=True, dict=True):
    """A counter, and the rate of the requests that it lets through.

    `kind`: the kind of requests.
    `who`: whose requests it counts, such as a client's address.
    """

    rate: Rate
    kind: str
    who: str = ""

    @cached_property
    def key(self) -> str:
        """128 bits of a digest, so that the database holds no addresses.

        The rate is not part of it: a counter goes on when the settings change its rate.
        """
        return sha256(f"{self.kind}/{self.who}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def gap(self) -> float:
        """Seconds after which the counter lets one more request through."""
        return self.rate.seconds / self.rate.amount

    @property
    def highest_level(self) -> float:
        """The highest level at which a request is let through.

        It is a little higher than the rate says, since sums of floating-point numbers are not
        exact.
        """
        return self.rate.seconds - self.gap + min(self.gap / 2, ROUNDING)

    def used(self, level: float) -> int:
        """Return how many requests a level stands for."""
        return max(0, math.ceil((level - ROUNDING) / self.gap))

    def wait(self, level: float) -> float:
        """Return the seconds until the next request is let through; 0 if it is let through now."""
        return max(0.0, level - self.highest_level)


Levels = Mapping[Limit, float]
"""The levels of counters, by their limits."""


class Hit(NamedTuple):
    """The result of a count.

    `levels`: the levels of the request's limits.
    `full`: the first limit that is used up; None if the request was counted.
    `wait`: the seconds until that limit lets a request through.
    """

    levels: Levels
    full: Limit | None = None
    wait: float = 0


def decide(limits: Sequence[Limit], levels: Levels) -> Hit:
    """Return the result of one request, given the levels of its limits before it."""
    for limit in limits:
        wait = limit.wait(levels[limit])
        if wait:
            return Hit({one: levels[one] for one in limits}, limit, max(wait, ROUNDING))
    return Hit({limit: levels[limit] + limit.gap for limit in limits})
