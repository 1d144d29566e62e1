"""Measures one, two and four processes of the API with as many workers, on one PostgreSQL and on all cores."""

import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.comparison.delivery import wait_until
from benchmarks.comparison.samples import figure
from benchmarks.cores import Cores
from benchmarks.databases import running_databases
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import PEERS, Peer, keyturn_worker, python, running
from benchmarks.plan import Plan
from benchmarks.processor_time import tree_seconds
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

COUNTS = (1, 2, 4)

_CONNECTIONS = 32
_BESIDE = Peer(title="Keyturn, one more", command=python("keyturn", "--beside"), pinned=False)


class ScaleResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `processes` APIs and as many workers: `requests` and `mails` a second, and `busy` cores."""

    processes: int
    round: int
    requests: float
    p99: float
    mails: float
    busy: float
    database_busy: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Request each mail once. Raises SystemExit if a mail is lost or sent twice."""
    if "postgresql" not in plan.engines:
        return Report(tables={}, notes=["Processes were not measured: several processes need PostgreSQL."])
    found = list[ScaleResult]()
    for number in range(plan.rounds):
        for count in COUNTS:
            found.append(one := _measure_processes(count, plan, number))
            tell(f"{count} + {count} processes: {one.requests:,.0f} requests/s, {one.mails:,.0f} mails/s")
    return Report(tables={"processes": _table(found)}, data=found)


def _measure_processes(count: int, plan: Plan, number: int) -> ScaleResult:
    cores = Cores.of_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn-bench-")))
        databases = stack.enter_context(running_databases("postgresql", sorted(os.sched_getaffinity(0))))
        first = msgspec.structs.replace(PEERS["keyturn"], pinned=False)
        url = databases.empty("keyturn")
        keyturn = stack.enter_context(running(first, folder / "0", url, plan.mails, cores))
        apis = [keyturn]
        apis += [stack.enter_context(running(_BESIDE, folder / f"{n}", url, 0, cores)) for n in range(1, count)]
        workers = [stack.enter_context(keyturn_worker(keyturn)) for _ in range(count)]
        for _, begin in workers:
            begin()
        processes = [*(api.pid for api in apis), *(pid for pid, _ in workers)]
        before = sum(map(tree_seconds, processes))
        measured = run_load(
            Order(
                ports=[api.port for api in apis],
                requests=str(keyturn.requests("known")),
                connections=_CONNECTIONS,
                most=plan.mails,
                processes={"database": databases.pid or 0},
            ),
            cores.load,
        )
        wait_until(lambda: len(keyturn.sent()) >= plan.mails, "mails did not arrive")
        sent, last = keyturn.sent(), (keyturn.folder / "sent").stat().st_mtime
        if len(set(sent)) != len(sent) or len(sent) != plan.mails:
            raise SystemExit(f"{len(sent)} calls of a sender, for {len(set(sent))} of {plan.mails} mails")
        seconds = max(last, measured.ended) - (measured.ended - measured.seconds)
        return ScaleResult(
            processes=count,
            round=number,
            requests=measured.rate,
            p99=measured.p99,
            mails=plan.mails / seconds,
            busy=(sum(map(tree_seconds, processes)) - before) / seconds,
            database_busy=measured.cpu["database"] / measured.seconds,
        )


def _table(found: list[ScaleResult]) -> Table:
    headers = ["", "requests/s", "p99, ms", "mails/s", "cores busy", "PostgreSQL's, while asked"]
    names = ("requests", "p99", "mails", "busy", "database_busy")
    rows = [
        [
            f"{count} + {count}",
            *(figure(median(getattr(one, name) for one in found if one.processes == count)) for name in names),
        ]
        for count in COUNTS
    ]
    return Table(
        title=f"PostgreSQL, processes of the API + workers, {os.cpu_count()} cores", headers=headers, rows=rows
    )
