"""What a reset carries: each is a hash at cost 12, so its floor is bcrypt alone on the same core.

Measured is from the first of so many to the last answer, not in a span of time: a peer that works on eight at once
answers eight at once, and whether those come before the span ends or after it made a tenth of the result.
"""

import subprocess

import msgspec

from benchmarks.comparison.entering import Field, chosen, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.standing_tables import standing_tables
from benchmarks.cores import pinned
from benchmarks.peers.running import ROOT, python
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "bcrypt"
PEERS = ("keyturn", "straight", "django", "better-auth")

_CONNECTIONS = 8


class Loop(msgspec.Struct, frozen=True):
    """How many seconds the hashes took, and how many of processor time."""

    seconds: float
    cpu: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Use links up, each once, beside a bare loop in the same round."""
    names, said = chosen(plan, PEERS, tell)
    samples = list[Sample]()
    for engine in plan.engines:
        with field(engine, names, plan.accounts, tell) as here:
            sampling = Sampling(here, plan, tell)
            for name in here.peers:
                sampling.sample(name, "reset", _CONNECTIONS, 0, count=_CONNECTIONS)
            for number in range(plan.rounds):
                samples.append(_bare(here, plan.resets, number))
                sampling.tell(samples[-1])
                samples.extend(
                    sampling.sample(name, "reset", _CONNECTIONS, number, count=plan.resets) for name in here.peers
                )
    return Report(tables=standing_tables("resets", samples, FLOOR), data=samples, said=said)


def _bare(here: Field, hashes: int, number: int) -> Sample:
    command = pinned(python("bcrypt_loop", str(hashes)), here.cores.server)
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found = msgspec.json.decode(done.stdout, type=Loop)
    return Sample(
        engine=here.engine, operation="reset", connections=_CONNECTIONS, peer=FLOOR, round=number,
        rate=hashes / found.seconds, cpu=found.cpu / hashes * 1e6,
    )  # fmt: skip
