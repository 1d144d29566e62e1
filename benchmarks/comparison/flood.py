"""Measures sign-ins and a flood of requests on one core, to see whether hashes starve requests or the reverse."""

from collections.abc import Sequence
from statistics import median

import msgspec

from benchmarks.comparison.entering import Field, choose_peers, field
from benchmarks.comparison.samples import figure
from benchmarks.load import finish_load, run_load, start_load
from benchmarks.load.messages import Order
from benchmarks.peers.running import PEERS as ALL
from benchmarks.plan import ENGINES, Plan
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

PEERS = ("keyturn", "django")

_REQUESTS, _SIGN_INS = 16, 4
"""The connections that request links, and those that sign in."""

_LONGER = 2.0
"""Seconds that the flood lasts longer than the sign-ins, so that it surrounds them."""


class FloodResult(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-ins a second, and the p99 of requests in milliseconds: each alone, and both at once."""

    engine: str
    peer: str
    round: int
    sign_ins_alone: float
    sign_ins: float
    requests_alone: float
    requests: float
    p99_alone: float
    p99: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Request links and sign in, first one after the other and then together."""
    names, notes = choose_peers(plan, PEERS, tell)
    found = list[FloodResult]()
    for engine in plan.engines:
        with field(engine, names, plan.accounts, tell) as here:
            for number in range(plan.rounds):
                for name in names:
                    found.append(one := _flood(here, name, plan, number))
                    tell(
                        f"{ENGINES[engine]}, round {number + 1} of {plan.rounds}: {ALL[name].title} signs in"
                        f" {one.sign_ins:.1f}/s, p99 of requests {one.p99_alone:.0f} -> {one.p99:.0f} ms"
                    )
    tables = {f"flood-{engine}": _table(engine, found) for engine in plan.engines}
    return Report(tables=tables, data=found, notes=notes)


def _flood(here: Field, name: str, plan: Plan, number: int) -> FloodResult:
    seconds = 3 * plan.seconds
    alone = run_load(_order(here, name, "unknown", plan.seconds, plan.warm_up), here.cores.load)
    signing = run_load(_order(here, name, "login", seconds), here.cores.load)
    flood = start_load(_order(here, name, "unknown", seconds + _LONGER), here.cores.load)
    try:
        both = run_load(_order(here, name, "login", seconds), here.cores.load)
    finally:
        flooded = finish_load(flood)
    return FloodResult(
        engine=here.engine,
        peer=name,
        round=number,
        sign_ins_alone=signing.rate,
        sign_ins=both.rate,
        requests_alone=alone.rate,
        requests=flooded.rate,
        p99_alone=alone.p99,
        p99=flooded.p99,
    )


def _order(here: Field, name: str, operation: str, seconds: float, warm_up: float = 0) -> Order:
    peer, connections = here.peers[name], _SIGN_INS if operation == "login" else _REQUESTS
    return Order(
        ports=[peer.port],
        requests=str(peer.requests(operation)),
        connections=connections,
        seconds=seconds,
        warm_up=warm_up,
    )


def _table(engine: str, found: Sequence[FloodResult]) -> Table:
    headers = [
        "",
        "sign-ins/s alone",
        "while flooded",
        "requests/s alone",
        "beside sign-ins",
        "p99 alone, ms",
        "beside sign-ins",
        "x",
    ]
    rows = list[list[str]]()
    for peer in dict.fromkeys(one.peer for one in found if one.engine == engine):
        here = [one for one in found if (one.engine, one.peer) == (engine, peer)]
        names = ("sign_ins_alone", "sign_ins", "requests_alone", "requests", "p99_alone", "p99")
        cells = [figure(median(getattr(one, name) for one in here)) for name in names]
        rows.append([ALL[peer].title, *cells, figure(median(one.p99 / one.p99_alone for one in here))])
    title = f"{ENGINES[engine]}, {_REQUESTS} connections that ask for links, {_SIGN_INS} that sign in"
    return Table(title=title, headers=headers, rows=rows)
