"""Measures requests, link checks and deliveries with a million links and messages stored, and during their purge.

Two Keyturns run on one engine: one with empty tables, one with full tables. Each round sends both the same requests in
turn. The purge is left out above a million rows: ten million would take half an hour.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.comparison.delivery import wait_until
from benchmarks.comparison.samples import figure
from benchmarks.cores import Cores, pinned
from benchmarks.databases import running_databases, watched_outbox
from benchmarks.load import finish_load, run_load, start_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import PEERS, ROOT, Running, keyturn_worker, python, running
from benchmarks.peers.standing_rows import add_standing_rows
from benchmarks.plan import ENGINES, Plan
from benchmarks.processor_time import tree_seconds
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

_CONNECTIONS = 16
_PACE = 200.0
"""Requests a second during the purge. A flood would hide the purge's effect on a request."""

_MOST_PURGED = 1_000_000
_LONGEST_PURGE = 900.0


class TableCost(msgspec.Struct, frozen=True, kw_only=True):
    """Processor time of the server or worker in microseconds per operation, with empty and with full tables."""

    engine: str
    operation: str
    round: int
    empty: float
    full: float


class PurgeResult(msgspec.Struct, frozen=True, kw_only=True):
    """A purge: its rows and seconds, and the p99 of requests in milliseconds before and during it."""

    engine: str
    rows: int
    seconds: float
    p99_alone: float
    p99: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Send requests to both in turn, then purge the full tables while requests arrive at a fixed pace."""
    beside, purged = list[TableCost](), list[PurgeResult]()
    for engine in plan.engines:
        with ExitStack() as stack:
            cores = Cores.of_machine()
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn-bench-")))
            databases = stack.enter_context(running_databases(engine, cores.database))
            both: dict[str, Running] = {}
            for name in ("empty", "full"):
                place = running(PEERS["keyturn"], folder / name, databases.empty(name), plan.accounts, cores)
                both[name] = stack.enter_context(place)
            begun = time.perf_counter()
            add_standing_rows(both["full"].url, plan.rows)
            tell(f"{ENGINES[engine]}: twice {plan.rows:,} rows in {time.perf_counter() - begun:.0f} s")
            for number in range(plan.rounds):
                for one in _round(both, cores, plan, engine, number):
                    tell(f"{ENGINES[engine]}, {one.operation}: {one.empty:,.0f} -> {one.full:,.0f} µs each")
                    beside.append(one)
            if plan.rows > _MOST_PURGED:
                continue
            purged.append(end := _purge(both["full"], cores, plan, engine))
            tell(
                f"{ENGINES[engine]}: {end.rows:,} purged in {end.seconds:.0f} s,"
                f" p99 {end.p99_alone:.0f} -> {end.p99:.0f} ms"
            )
    tables = {f"standing-{engine}": _table(engine, plan, beside, purged) for engine in plan.engines}
    return Report(tables=tables, data={"beside": beside, "purged": purged})


def _round(both: dict[str, Running], cores: Cores, plan: Plan, engine: str, number: int) -> Iterator[TableCost]:
    for operation in ("unknown", "validate"):
        spent = {
            name: run_load(_order(peer, operation, plan.seconds, warm_up=plan.warm_up), cores.load).cpu_each()
            for name, peer in both.items()
        }
        title = "request" if operation == "unknown" else "validate"
        yield TableCost(engine=engine, operation=title, round=number, **spent)
    spent = {name: _deliver(peer, cores, plan.unknown) for name, peer in both.items()}
    yield TableCost(engine=engine, operation="delivery", round=number, **spent)


def _deliver(peer: Running, cores: Cores, count: int) -> float:
    """Return the worker's microseconds for each message to an unknown address."""
    with keyturn_worker(peer, cores.server) as (worker, begin), watched_outbox(peer.url) as waiting:
        run_load(_order(peer, "unknown", 0, most=count), cores.load)
        before = tree_seconds(worker)
        begin()
        wait_until(lambda: not waiting(), "the worker did not empty the outbox")
        return (tree_seconds(worker) - before) / count * 1e6


def _purge(peer: Running, cores: Cores, plan: Plan, engine: str) -> PurgeResult:
    alone = run_load(_order(peer, "unknown", plan.seconds, pace=_PACE), cores.load)
    command = pinned(python("keyturn_purge", peer.url), cores.server)
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as purge:
        meanwhile = [finish_load(start_load(_order(peer, "unknown", plan.seconds, pace=_PACE), cores.load))]
        while purge.poll() is None:
            if time.perf_counter() - begun > _LONGEST_PURGE:
                purge.kill()
                raise SystemExit("the purge did not end")
            meanwhile.append(run_load(_order(peer, "unknown", plan.seconds, pace=_PACE), cores.load))
        seconds = time.perf_counter() - begun
        rows = int(purge.stdout.read()) if purge.stdout and not purge.returncode else 0
    if not rows:
        raise SystemExit("the purge removed no rows")
    p99 = median(one.p99 for one in meanwhile)
    return PurgeResult(engine=engine, rows=rows, seconds=seconds, p99_alone=alone.p99, p99=p99)


def _order(
    peer: Running, operation: str, seconds: float, *, warm_up: float = 0, most: int = 0, pace: float = 0
) -> Order:
    return Order(
        ports=[peer.port],
        requests=str(peer.requests(operation)),
        connections=_CONNECTIONS,
        seconds=seconds,
        warm_up=warm_up,
        most=most,
        pace=pace,
        processes={"server": peer.pid},
    )


def _table(engine: str, plan: Plan, beside: Sequence[TableCost], purged: Sequence[PurgeResult]) -> Table:
    rows = list[list[str]]()
    for operation in ("request", "validate", "delivery"):
        here = [one for one in beside if (one.engine, one.operation) == (engine, operation)]
        empty, full = (figure(median(getattr(one, name) for one in here)) for name in ("empty", "full"))
        rows.append([f"{operation}, CPU, µs each", empty, full, f"{median(one.full / one.empty for one in here):.2f}"])
    for one in purged:
        if one.engine == engine:
            rows.append(
                [
                    "p99 of requests while rows are purged, ms",
                    figure(one.p99_alone),
                    figure(one.p99),
                    f"{one.p99 / one.p99_alone:.2f}",
                ]
            )
            rows.append([f"purge of {one.rows:,} rows, s", "", figure(one.seconds), ""])
    title = f"{ENGINES[engine]}, {plan.rows:,} links and as many messages"
    return Table(title=title, headers=["", "without", "with", "x"], rows=rows)
