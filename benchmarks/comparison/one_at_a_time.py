"""Measures one request at a time, against Keyturn with default settings and the worker that `serve` starts."""

from benchmarks.comparison.entering import choose_peers, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.share_tables import share_tables
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "hello"
PEERS = (FLOOR, "keyturn-with-worker", "straight", "django")
_MOST_A_SECOND = 1_500
"""An upper bound for Keyturn on one connection. Each account is requested once, as its cooldown bars a second mail."""


def measure(plan: Plan, tell: Tell) -> Report:
    """Send requests over one connection, each after the answer to the one before."""
    names = choose_peers(plan, PEERS, always=(FLOOR, "keyturn-with-worker"))
    samples = list[Sample]()
    for engine in plan.engines:
        accounts = int(_MOST_A_SECOND * plan.rounds * (plan.warm_up + plan.seconds))
        with field(engine, names, accounts, tell) as here:
            samples.extend(Sampling(here, plan, tell).rounds(("known", "validate"), (1,)))
    return Report(tables=share_tables("one-at-a-time", samples, FLOOR), data=samples)
