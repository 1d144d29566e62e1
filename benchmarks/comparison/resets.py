"""What a reset carries: each is a hash at cost 12, so its floor is bcrypt alone on the same core."""

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
_WARM_UP = 1.0
"""Seconds: a handful of resets, which are no rate that could be flat."""


class Loop(msgspec.Struct, frozen=True):
    """How many hashes were made in how many seconds, and of how much processor time."""

    made: int
    seconds: float
    cpu: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Use links up, each once, beside a bare loop in the same round."""
    plan = msgspec.structs.replace(plan, warm_up=min(plan.warm_up, _WARM_UP), seconds=2 * plan.seconds)
    names, said = chosen(plan, PEERS, tell)
    samples = list[Sample]()
    for engine in plan.engines:
        with field(engine, names, plan.accounts, tell) as here:
            sampling = Sampling(here, plan, tell)
            for number in range(plan.rounds):
                samples.append(_bare(here, plan.seconds, number))
                sampling.tell(samples[-1])
                samples.extend(sampling.sample(name, "reset", _CONNECTIONS, number) for name in here.peers)
    return Report(tables=standing_tables("resets", samples, FLOOR), data=samples, said=said)


def _bare(here: Field, seconds: float, number: int) -> Sample:
    command = pinned(python("bcrypt_loop", str(seconds)), here.cores.server)
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found = msgspec.json.decode(done.stdout, type=Loop)
    return Sample(
        engine=here.engine, operation="reset", connections=_CONNECTIONS, peer=FLOOR, round=number,
        rate=found.made / found.seconds, cpu=found.cpu / found.made * 1e6,
    )  # fmt: skip
