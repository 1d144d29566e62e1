"""How much to measure: enough for published figures, or only enough to check that the benchmarks
run.
"""

from collections.abc import Sequence

import msgspec

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds each benchmark. Times are in seconds.

    `warm_up`: the longest wait for a flat rate.
    `mails` and `unknown`: messages to known and to unknown addresses that each peer delivers.
    """

    rounds: int = 3
    seconds: float = 4
    warm_up: float = 10
    connections: Sequence[int] = (16, 64)
    accounts: int = 5000
    mails: int = 3000
    unknown: int = 10_000
    engines: Sequence[str] = tuple(ENGINES)


QUICK = Plan(
    rounds=1,
    seconds=1,
    warm_up=1,
    connections=(16,),
    accounts=100,
    mails=100,
    unknown=200,
)
