"""What one request takes where nobody else asks; Keyturn as it comes, with the worker that it starts beside it."""

from benchmarks.comparison.entering import chosen, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.standing_tables import standing_tables
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "hello"
PEERS = (FLOOR, "transaction", "keyturn-with-worker", "straight", "django", "better-auth")
_MOST_A_SECOND = 1_500
"""More than Keyturn answers on one connection: an account that is asked for again so soon would get no second mail."""


def measure(plan: Plan, tell: Tell) -> Report:
    """Ask over one connection, each request after the answer to the one before."""
    names, said = chosen(plan, PEERS, tell, always=(FLOOR, "keyturn-with-worker"))
    samples = list[Sample]()
    for engine in plan.engines:
        accounts = int(_MOST_A_SECOND * plan.rounds * (plan.warm_up + plan.seconds))
        with field(engine, names, accounts, tell) as here:
            samples.extend(Sampling(here, plan, tell).rounds(("known", "validate"), (1,)))
    return Report(tables=standing_tables("one-at-a-time", samples, FLOOR), data=samples, said=said)
