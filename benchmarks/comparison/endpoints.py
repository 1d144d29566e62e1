"""Measures each endpoint: requests a second as a share of a hello-world POST, processor time, p50
and p99.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from benchmarks.comparison.entering import Field, field
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import PEERS
from benchmarks.plan import ENGINES, Plan
from benchmarks.report import Table, Tell, figure

FLOOR = "hello"
MEASURED = (FLOOR, "keyturn", "keyturn-over-table", "keyturn-in-memory", "straight", "django")
OPERATIONS = {
    "known": "request, known address",
    "unknown": "request, unknown address",
    "validate": "validate",
}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One peer in one round.

    Times are in milliseconds, processor times in microseconds for each request.
    """

    operation: str
    connections: int
    peer: str
    round: int
    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float


def measure(plan: Plan, tell: Tell) -> list[Table]:
    """Request links and check them, over 16 and 64 connections."""
    tables = list[Table]()
    for engine in plan.engines:
        with field(engine, MEASURED, plan.accounts, tell) as here:
            samples = list(_samples(here, plan, tell))
        for count in plan.connections:
            title = (
                f"{ENGINES[engine]}, {count} connections, {plan.rounds} "
                f"round{'s' * (plan.rounds > 1)}"
            )
            tables.append(
                _table(title, [sample for sample in samples if sample.connections == count])
            )
    return tables


def _samples(here: Field, plan: Plan, tell: Tell) -> Iterator[Sample]:
    """In each round, send the same requests to every peer that supports the operation, one after
    the other.

    Each sample continues where the last requests ended.
    """
    sent = defaultdict[tuple[str, str], int](int)
    places = [
        (number, count, name)
        for number in range(plan.rounds)
        for count in plan.connections
        for name in OPERATIONS
    ]
    for number, count, operation in places:
        for name, peer in here.peers.items():
            order = Order(
                port=peer.port,
                requests=str(peer.requests(operation)),
                connections=count,
                seconds=plan.seconds,
                warm_up=plan.warm_up,
                first=sent[name, operation],
                processes={"server": peer.pid}
                | ({"database": here.database} if here.database else {}),
            )
            found = run_load(order, here.cores.load)
            sent[name, operation] += found.sent
            round_ = f"{ENGINES[here.engine]}, round {number + 1} of {plan.rounds}"
            tell(f"{round_}, {operation}, {count} connections: {name} {found.rate:,.4g}/s")
            yield Sample(
                operation=operation,
                connections=count,
                peer=name,
                round=number,
                rate=found.rate,
                p50=found.p50,
                p99=found.p99,
                cpu=found.cpu_each(),
                database_cpu=found.cpu_each("database") if here.database else 0,
            )


def _table(title: str, samples: Sequence[Sample]) -> Table:
    """Return the medians over the rounds. A share is that of the floor's rate in the same round."""
    headers = [
        "",
        "a second",
        "share of hello",
        "CPU, µs each",
        "core busy",
        "database's CPU, µs",
        "p50, ms",
        "p99, ms",
    ]
    rows = list[list[str]]()
    for operation, shown in OPERATIONS.items():
        found = [sample for sample in samples if sample.operation == operation]
        floor = {sample.round: sample.rate for sample in found if sample.peer == FLOOR}
        rows.append([f"**{shown}**", *[""] * (len(headers) - 1)])
        for peer in dict.fromkeys(sample.peer for sample in found):
            rows.append(_row(peer, [sample for sample in found if sample.peer == peer], floor))
    return Table(title=title, headers=headers, rows=rows)


def _row(peer: str, mine: Sequence[Sample], floor: dict[int, float]) -> list[str]:
    rate, cpu = median(one.rate for one in mine), median(one.cpu for one in mine)
    share = median(one.rate / floor[one.round] for one in mine)
    rest = [median(getattr(one, name) for one in mine) for name in ("database_cpu", "p50", "p99")]
    return [
        PEERS[peer].title,
        figure(rate),
        f"{share:.0%}",
        figure(cpu),
        f"{rate * cpu / 1e6:.0%}",
        *map(figure, rest),
    ]
