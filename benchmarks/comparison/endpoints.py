"""Measures each endpoint: requests a second as a share of a hello-world POST, processor time, p50 and p99."""

from benchmarks.comparison.entering import choose_peers, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.share_tables import OPERATIONS, share_tables
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "hello"
PEERS = (FLOOR, "keyturn", "keyturn-over-table", "straight", "django")


def measure(plan: Plan, tell: Tell) -> Report:
    """Request links and check them, over 16 and 64 connections."""
    names = choose_peers(plan, PEERS, always=(FLOOR,))
    samples = list[Sample]()
    for engine in plan.engines:
        with field(engine, names, plan.accounts, tell) as here:
            samples.extend(Sampling(here, plan, tell).rounds(list(OPERATIONS)[:3], plan.connections))
    return Report(
        tables=share_tables("endpoints", samples, FLOOR),
        data=samples,
    )
