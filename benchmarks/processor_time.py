"""Processor time and memory of processes, from /proc (proc(5))."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants, those that have ended included."""
    times = _times()
    return sum(times[one][1] for one in _tree(pid, times))


def tree_megabytes(pid: int) -> float:
    """Return the resident memory of a process and its descendants. A shared page counts once for each process."""
    return sum(_megabytes(one) for one in _tree(pid, _times()))


def _times() -> dict[int, tuple[int, float]]:
    """Return the parent and the seconds of each process."""
    return dict(_read())


def _read() -> Iterator[tuple[int, tuple[int, float]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # A program's name may hold spaces and brackets, so the fields start after the last bracket.
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # utime, stime, cutime and cstime: the last two are the times of ended children
            yield int(folder.name), (int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)


def _tree(pid: int, times: dict[int, tuple[int, float]]) -> list[int]:
    children = defaultdict[int, list[int]](list)
    for one, (parent, _) in times.items():
        children[parent].append(one)
    tree = [pid] if pid in times else []
    for one in tree:
        tree.extend(children[one])
    return tree


def _megabytes(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
