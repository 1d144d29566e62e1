"""Processes that answer over HTTP, their processor time and their memory, from /proc (proc(5))."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST = 60.0


@contextmanager
def answering(
    *command: str,
    folder: Path,
    ready: Callable[[int], object],
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, int]]:
    """Run a command of Keyturn and yield its port and process id once `ready(port)` is true.

    Raises SystemExit if the command ends before.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    started, quiet = time.monotonic(), subprocess.DEVNULL
    arguments = [sys.executable, "-m", "keyturn", *command, "--port", str(port)]
    with subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=quiet, stderr=quiet
    ) as process:
        try:
            while not ready(port):
                if process.poll() is not None or time.monotonic() - started > _LONGEST:
                    raise SystemExit(f"keyturn {command[0]} did not start")
                time.sleep(0.005)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def page(port: int, path: str) -> str:
    """Return a page, or "" while the server does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def tree_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants, those that have ended
    included.
    """
    times = _times()
    return sum(times[one][1] for one in _tree(pid, times))


def tree_megabytes(pid: int) -> float:
    """Return the resident memory of a process and its descendants.

    A shared page counts once for each process.
    """
    return sum(_megabytes(one) for one in _tree(pid, _times()))


def shared_megabytes(pid: int) -> float:
    """Return the memory of a process and its descendants.

    A shared page counts once (proc(5), Pss).
    """
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own * 1024 / 1e6 + sum(map(shared_megabytes, map(int, below)))


def _times() -> dict[int, tuple[int, float]]:
    """Return the parent and the seconds of each process."""
    times = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # A program's name may hold spaces and brackets, so the fields start after the last
                # bracket.
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # utime, stime, cutime and cstime: the last two are the times of ended children
            times[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)
    return times


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
