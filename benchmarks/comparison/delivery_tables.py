"""Tables of deliveries."""

from collections.abc import Sequence
from statistics import median

import msgspec

from benchmarks.comparison.samples import figure
from benchmarks.peers.running import PEERS
from benchmarks.plan import ENGINES
from benchmarks.report import Table


class DeliveryRate(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's deliveries on one core: messages a second, and microseconds of processor time for each."""

    engine: str
    peer: str
    operation: str
    round: int
    rate: float
    cpu_server: float = 0
    cpu_worker: float = 0

    @property
    def cpu(self) -> float:
        return self.cpu_server + self.cpu_worker


OPERATIONS = {"unknown": "unknown addresses, worker alone", "known": "from the POST to the sender's call"}


def delivery_tables(found: Sequence[DeliveryRate]) -> dict[str, Table]:
    headers = ["", "a second and core", "CPU, µs each", "of that the server's", "the worker's", "x the best peer"]
    tables: dict[str, Table] = {}
    for engine in dict.fromkeys(one.engine for one in found):
        rows = [
            row
            for operation, title in OPERATIONS.items()
            for row in _rows([one for one in found if (one.engine, one.operation) == (engine, operation)], title)
        ]
        tables[f"delivery-{engine}"] = Table(title=f"{ENGINES[engine]}, mails", headers=headers, rows=rows)
    return tables


def _rows(found: Sequence[DeliveryRate], title: str) -> list[list[str]]:
    rows = [[f"**{title}**", *[""] * 5]] if found else []
    for peer in dict.fromkeys(one.peer for one in found):
        mine = [one for one in found if one.peer == peer]
        cells = [median(_rates(found, peer)), *(median(getattr(one, name) for one in mine) for name in _TIMES)]
        rows.append([PEERS[peer].title, *map(figure, cells), _lead(found, peer)])
    return rows


_TIMES = ("cpu", "cpu_server", "cpu_worker")


def _rates(found: Sequence[DeliveryRate], peer: str) -> list[float]:
    return [one.rate for one in found if one.peer == peer]


def _lead(found: Sequence[DeliveryRate], peer: str) -> str:
    """Return the peer's rate divided by that of the best other peer, as the median over the rounds.

    A Keyturn is compared with no other Keyturn.
    """
    ratios = [
        one.rate / max(others)
        for one in found
        if one.peer == peer
        and (others := [other.rate for other in found if other.round == one.round and _is_other(other.peer, peer)])
    ]
    return f"{median(ratios):.2f}" if ratios else ""


def _is_other(other: str, peer: str) -> bool:
    return other != peer and not (PEERS[other].is_keyturn and PEERS[peer].is_keyturn)
