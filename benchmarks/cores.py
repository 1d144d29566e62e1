"""Assigns the machine's cores: one to the server, one to the load, and the rest to the database."""

import os
import shutil
from collections.abc import Sequence

import msgspec


class Cores(msgspec.Struct, frozen=True, kw_only=True):
    """The cores of the measured server, of the load and of the database.

    With two cores the last two share one.
    """

    server: int
    load: int
    database: Sequence[int]

    @classmethod
    def of_machine(cls) -> "Cores":
        """Choose among the cores of this process. Raises SystemExit if it has only one core."""
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2 or not shutil.which("taskset"):
            raise SystemExit("the benchmarks need two cores and taskset (util-linux)")
        return cls(server=found[0], load=found[1], database=found[2:] or found[1:2])


def pinned(command: Sequence[str], *cores: int) -> list[str]:
    """Return the command bound to `cores`, which its child processes inherit.

    Without cores it runs on all.
    """
    return ["taskset", "-c", ",".join(map(str, cores)), *command] if cores else [*command]
