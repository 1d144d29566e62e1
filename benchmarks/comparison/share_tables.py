"""Tables of the median shares. Names end in the engine and, if there are several, the connections."""

from collections.abc import Iterator, Sequence

from benchmarks.comparison.samples import PeerMedian, Sample, figure, peer_medians
from benchmarks.peers.running import PEERS
from benchmarks.plan import ENGINES
from benchmarks.report import Table

OPERATIONS = {
    "known": "request, known address",
    "unknown": "request, unknown address",
    "validate": "validate",
    "reset": "reset",
}
TITLES = {name: peer.title for name, peer in PEERS.items()}


def share_tables(name: str, samples: Sequence[Sample], floor: str) -> dict[str, Table]:
    """Return a table for each engine and number of connections, with shares of the floor's rate."""
    return {place: _table(here, title, floor) for place, title, here in _places(name, samples)}


def _places(name: str, samples: Sequence[Sample]) -> Iterator[tuple[str, str, list[Sample]]]:
    several = len({sample.connections for sample in samples}) > 1
    for engine, connections in dict.fromkeys((sample.engine, sample.connections) for sample in samples):
        here = [sample for sample in samples if (sample.engine, sample.connections) == (engine, connections)]
        title = f"{ENGINES[engine]}, {connections} connection{'s' * (connections > 1)}"
        yield f"{name}-{engine}{f'-{connections}' * several}", title, here


def _table(samples: Sequence[Sample], title: str, floor: str) -> Table:
    beside = any(sample.database_cpu for sample in samples)
    headers = ["", "a second", f"share of {TITLES[floor]}", "CPU, µs each", "core busy", "p50, ms", "p99, ms"]
    headers[5:5] = ["database's CPU, µs"] * beside
    rows = list[list[str]]()
    for operation, found in _by_operation(samples, floor).items():
        rows.append([f"**{OPERATIONS[operation]}**", *[""] * (len(headers) - 1)])
        rows.extend(_row(one, beside=beside) for one in found)
    rounds = 1 + max(sample.round for sample in samples)
    shown = f"medians of {rounds} rounds" if rounds > 1 else "one round"
    return Table(title=f"{title}, {shown}", headers=headers, rows=rows)


def _by_operation(samples: Sequence[Sample], floor: str) -> dict[str, list[PeerMedian]]:
    return {
        operation: peer_medians([sample for sample in samples if sample.operation == operation], floor)
        for operation in dict.fromkeys(sample.operation for sample in samples)
    }


def _row(one: PeerMedian, *, beside: bool) -> list[str]:
    database = [figure(one.database_cpu)] if beside else []
    times = [figure(one.p50), figure(one.p99)]
    busy = f"{one.rate * one.cpu / 1e6:.0%}"
    return [TITLES[one.peer], figure(one.rate), f"{one.share:.0%}", figure(one.cpu), busy, *database, *times]
