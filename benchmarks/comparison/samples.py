"""One measurement, and what is made of many: pure."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer did in one round. Times are in milliseconds, processor times in microseconds for each request."""

    engine: str
    operation: str
    connections: int
    peer: str
    round: int
    rate: float
    p50: float = 0
    p99: float = 0
    cpu: float = 0
    database_cpu: float = 0
    warmed_up: float = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of a peer's samples; `share` is of the floor's rate, in the same rounds."""

    peer: str
    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    share: float


def standings(samples: Iterable[Sample], floor: str) -> list[Standing]:
    """Return one for each peer of samples of one place, in the order in which they come."""
    by_peer: dict[str, list[Sample]] = {}
    for sample in samples:
        by_peer.setdefault(sample.peer, []).append(sample)
    rates = {sample.round: sample.rate for sample in by_peer[floor]}
    return [_standing(peer, found, rates) for peer, found in by_peer.items()]


def _standing(peer: str, found: Sequence[Sample], floor: dict[int, float]) -> Standing:
    return Standing(
        peer=peer,
        rate=median(one.rate for one in found),
        p50=median(one.p50 for one in found),
        p99=median(one.p99 for one in found),
        cpu=median(one.cpu for one in found),
        database_cpu=median(one.database_cpu for one in found),
        share=median(one.rate / floor[one.round] for one in found),
    )


def figure(value: float) -> str:
    """Return a figure with as many places as can be believed, or nothing for nothing."""
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
