"""Samples, and their medians. Pure functions."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One peer in one round. Times are in milliseconds, processor times in microseconds for each request."""

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


class PeerMedian(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of a peer's samples. `share` is the rate divided by the floor's rate in the same round."""

    peer: str
    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    share: float


def peer_medians(samples: Iterable[Sample], floor: str) -> list[PeerMedian]:
    """Return one for each peer, in the order of the samples, which share engine, operation and connections."""
    by_peer: dict[str, list[Sample]] = {}
    for sample in samples:
        by_peer.setdefault(sample.peer, []).append(sample)
    rates = {sample.round: sample.rate for sample in by_peer[floor]}
    return [_peer_median(peer, found, rates) for peer, found in by_peer.items()]


def _peer_median(peer: str, found: Sequence[Sample], floor: dict[int, float]) -> PeerMedian:
    return PeerMedian(
        peer=peer,
        rate=median(one.rate for one in found),
        p50=median(one.p50 for one in found),
        p99=median(one.p99 for one in found),
        cpu=median(one.cpu for one in found),
        database_cpu=median(one.database_cpu for one in found),
        share=median(one.rate / floor[one.round] for one in found),
    )


def figure(value: float) -> str:
    """Return a figure with three significant digits, or "" for zero."""
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
