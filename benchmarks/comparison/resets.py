"""Measures resets beside bare bcrypt on the same cores, since each reset is one or two hashes at cost 12.

One connection shows a user's wait; eight show what all cores can do. Servers run on all cores, as the load needs almost
none of them. The clock runs from the first reset to the last answer. A fixed span would be off by up to a tenth: a peer
that works on eight resets at once answers eight at once, before or after the span ends.
"""

import subprocess
from itertools import product

import msgspec

from benchmarks.comparison.entering import choose_peers, field
from benchmarks.comparison.samples import Sample
from benchmarks.comparison.sampling import Sampling
from benchmarks.comparison.share_tables import share_tables
from benchmarks.peers.running import ROOT, python
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report

FLOOR = "bcrypt"
PEERS = ("keyturn", "keyturn-any-password", "straight", "django", "better-auth")

_CONNECTIONS = (1, 8)


class Loop(msgspec.Struct, frozen=True):
    """The times of a bare loop: wall-clock and processor seconds, and milliseconds of the median and slowest hash."""

    seconds: float
    cpu: float
    p50: float
    slowest: float


def measure(plan: Plan, tell: Tell) -> Report:
    """Reset passwords, each link once, beside a bare bcrypt loop in the same round."""
    names, notes = choose_peers(plan, PEERS, tell)
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
    return Report(tables=share_tables("resets", samples, FLOOR), data=samples, notes=notes)


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
