"""What a reset carries: each is a hash at cost 12 or two, so its floor is bcrypt alone on the same cores.

One connection shows what a user waits for, eight show what all cores carry. Servers run on all cores: the load takes
next to nothing of them. Measured is from the first reset to the last answer, not in a span of time: a peer that works
on eight at once answers eight at once, and whether those come before the span ends made a tenth of the result.
"""

import subprocess
from itertools import product

import msgspec

from benchmarks.comparison.entering import chosen, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.standing_tables import standing_tables
from benchmarks.peers.running import ROOT, python
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "bcrypt"
PEERS = ("keyturn", "keyturn-any-password", "straight", "django", "better-auth")

_CONNECTIONS = (1, 8)


class Loop(msgspec.Struct, frozen=True):
    """How many seconds the hashes took, how many of processor time, and the milliseconds of the median and slowest."""

    seconds: float
    cpu: float
    p50: float
    slowest: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Use links up, each once, beside a bare loop in the same round."""
    names, said = chosen(plan, PEERS, tell)
    samples = list[Sample]()
    for engine in plan.engines:
        with field(engine, names, plan.accounts, tell, pinned=False) as here:
            sampling = Sampling(here, plan, tell)
            for name in here.peers:
                sampling.sample(name, "reset", _CONNECTIONS[-1], 0, count=_CONNECTIONS[-1])
            for number, connections in product(range(plan.rounds), _CONNECTIONS):
                samples.append(_bare(engine, connections, plan.resets, number))
                sampling.tell(samples[-1])
                samples.extend(
                    sampling.sample(name, "reset", connections, number, count=plan.resets) for name in here.peers
                )
    return Report(tables=standing_tables("resets", samples, FLOOR), data=samples, said=said)


def _bare(engine: str, connections: int, hashes: int, number: int) -> Sample:
    command = python("bcrypt_loop", str(hashes), str(connections))
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found = msgspec.json.decode(done.stdout, type=Loop)
    return Sample(
        engine=engine,
        operation="reset",
        connections=connections,
        peer=FLOOR,
        round=number,
        rate=hashes / found.seconds,
        cpu=found.cpu / hashes * 1e6,
        p50=found.p50,
        p99=found.slowest,
    )
