"""Which core does what: one is the server's, the load comes from another, and a database takes what is left."""

import os
import shutil
from collections.abc import Sequence

import msgspec


class Cores(msgspec.Struct, frozen=True, kw_only=True):
    """`server` is for what is measured; on a machine of two cores `load` and `database` are the same."""

    server: int
    load: int
    database: Sequence[int]

    @classmethod
    def of_machine(cls) -> "Cores":
        """Choose among those of this process. Raises SystemExit where there is one, which both would share."""
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2 or not shutil.which("taskset"):
            raise SystemExit("the benchmarks want two cores and taskset (util-linux)")
        return cls(server=found[0], load=found[1], database=found[2:] or found[1:2])


def pinned(command: Sequence[str], *cores: int) -> list[str]:
    """Return the command such that it and what it starts run on those cores alone; on all where none is named."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command] if cores else [*command]
