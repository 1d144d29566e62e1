"""How much is measured: enough for figures that are told, or a little that shows that it works."""

from collections.abc import Sequence

import msgspec

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds each benchmark. Times are in seconds.

    `warm_up` is the longest that is waited for a flat rate. `mails` and `unknown` are the messages that are worked off
    by each; `hashes` how many each implementation makes in a round; `resets` how many passwords each peer sets in one;
    `rows` how many links and messages stand there.
    """

    rounds: int = 3
    seconds: float = 4
    warm_up: float = 10
    connections: Sequence[int] = (16, 64)
    accounts: int = 5000
    mails: int = 3000
    unknown: int = 10_000
    hashes: int = 12
    resets: int = 40
    rows: int = 1_000_000
    engines: Sequence[str] = tuple(ENGINES)
    peers: Sequence[str] = ()


QUICK = Plan(
    rounds=1,
    seconds=1,
    warm_up=1,
    connections=(16,),
    accounts=100,
    mails=100,
    unknown=200,
    hashes=1,
    resets=8,
    rows=10_000,
)
