"""Measures mails from the POST to the call of a sender that does nothing, and messages to unknown
addresses.

The server and Keyturn's worker share one core, so a mail's whole cost is on it. Each known address
is requested once, since a mailbox has a cooldown. Peers call their sender before they answer.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import msgspec

from benchmarks.comparison.entering import Field, field
from benchmarks.databases import watched_outbox
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import PEERS, Running, keyturn_worker
from benchmarks.plan import ENGINES, Plan
from benchmarks.processes import tree_seconds
from benchmarks.report import Table, Tell, figure

_CONNECTIONS = 16
_LONGEST = 900.0
"""Seconds for all mails of a round."""

_PAUSE = 0.01

WARM_UP = 100
"""Requests of each kind that warm up the server.

They use the addresses behind the measured ones.
"""


class DeliveryRate(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's deliveries on one core: messages a second, and microseconds of processor time for
    each.
    """

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


OPERATIONS = {
    "unknown": "unknown addresses, worker alone",
    "known": "from the POST to the sender's call",
}
_COLUMNS = {
    "rate": "a second and core",
    "cpu": "CPU, µs each",
    "cpu_server": "of that the server's",
    "cpu_worker": "the worker's",
}


def measure(plan: Plan, tell: Tell) -> list[Table]:
    """Request as many mails as the plan says, and wait until the sender was called for each."""
    names = [name for name, peer in PEERS.items() if peer.sends]
    found = list[DeliveryRate]()
    for engine in plan.engines:
        for number in range(plan.rounds):
            with field(engine, names, max(plan.mails, plan.unknown) + WARM_UP, tell) as here:
                for work in _round(here, plan, number):
                    tell(
                        f"{ENGINES[engine]}, round {number + 1} of {plan.rounds}, {work.operation}:"
                        f" {PEERS[work.peer].title} {work.rate:,.0f}/s, {work.cpu:,.0f} µs each"
                    )
                    found.append(work)
    return _tables(found)


def _round(here: Field, plan: Plan, number: int) -> Iterator[DeliveryRate]:
    for name, peer in here.peers.items():
        for operation, count in (("unknown", plan.unknown), ("known", plan.mails)):
            run_load(_order(peer, operation, WARM_UP, first=count), here.cores.load)
        if PEERS[name].is_keyturn:
            with keyturn_worker(peer, here.cores.server) as (worker, begin):
                run_load(_order(peer, "unknown", plan.unknown), here.cores.load)
                yield _unknown(here, name, plan, number, worker, begin)
                yield _mails(here, name, plan, number, worker)
        else:
            yield _mails(here, name, plan, number, None)


def _order(peer: Running, operation: str, count: int, *, first: int = 0) -> Order:
    return Order(
        port=peer.port,
        requests=str(peer.requests(operation)),
        connections=_CONNECTIONS,
        most=count,
        first=first,
        processes={"server": peer.pid},
    )


def _unknown(
    here: Field, name: str, plan: Plan, number: int, worker: int, begin: Callable[[], None]
) -> DeliveryRate:
    """Let the worker empty an outbox full of unknown addresses after the requests have ended."""
    peer = here.peers[name]
    with watched_outbox(peer.url) as waiting:
        before, begun = tree_seconds(worker), time.perf_counter()
        begin()
        wait_until(lambda: not waiting(), "the worker did not empty the outbox")
        seconds = time.perf_counter() - begun
    return DeliveryRate(
        engine=here.engine,
        peer=name,
        operation="unknown",
        round=number,
        rate=plan.unknown / seconds,
        cpu_worker=(tree_seconds(worker) - before) / plan.unknown * 1e6,
    )


def _mails(here: Field, name: str, plan: Plan, number: int, worker: int | None) -> DeliveryRate:
    peer = here.peers[name]
    already, before = len(peer.sent()), tree_seconds(worker) if worker else 0
    measured = run_load(_order(peer, "known", plan.mails), here.cores.load)
    wait_until(lambda: len(peer.sent()) >= already + plan.mails, "mails did not arrive")
    spent = tree_seconds(worker) - before if worker else 0
    sent, last = peer.sent(), (peer.folder / "sent").stat().st_mtime
    seconds = max(last, measured.ended) - (measured.ended - measured.seconds)
    if len(set(sent)) != len(sent) or len(sent) != plan.mails + WARM_UP:
        raise SystemExit(
            f"{name} called its sender {len(sent)} times, for {len(set(sent))} of {plan.mails} "
            "mails"
        )
    return DeliveryRate(
        engine=here.engine,
        peer=name,
        operation="known",
        round=number,
        rate=plan.mails / seconds,
        cpu_server=measured.cpu["server"] / plan.mails * 1e6,
        cpu_worker=spent / plan.mails * 1e6,
    )


def wait_until(done: Callable[[], object], otherwise: str) -> None:
    """Wait until `done()` is true.

    Raises SystemExit with the text `otherwise` after a quarter of an hour.
    """
    until = time.monotonic() + _LONGEST
    while not done():
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(_PAUSE)


def _tables(found: Sequence[DeliveryRate]) -> list[Table]:
    """Return a table of medians over the rounds for each engine."""
    tables = list[Table]()
    for engine in dict.fromkeys(one.engine for one in found):
        rows = list[list[str]]()
        for operation, title in OPERATIONS.items():
            here = [one for one in found if (one.engine, one.operation) == (engine, operation)]
            rows.append([f"**{title}**", *[""] * len(_COLUMNS)])
            for peer in dict.fromkeys(one.peer for one in here):
                mine = [one for one in here if one.peer == peer]
                cells = [median(getattr(one, name) for one in mine) for name in _COLUMNS]
                rows.append([PEERS[peer].title, *map(figure, cells)])
        tables.append(
            Table(title=f"{ENGINES[engine]}, mails", headers=["", *_COLUMNS.values()], rows=rows)
        )
    return tables
