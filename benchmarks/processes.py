"""Ports and memory of the measured processes."""

import os
import socket
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def megabytes_of_all(pid: int) -> float:
    """Return the memory of a process and its descendants. A shared page counts once (proc(5), Pss)."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own * 1024 / 1e6 + sum(map(megabytes_of_all, map(int, below)))


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
