"""Starting what is measured, and ending it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(kind: str, url: str = "", *, cores: str = "0") -> Iterator[tuple[int, int]]:
    """Run a server of `benchmarks.servers` on `cores`; yield its port and process id."""
    port = free_port()
    command = [
        "taskset",
        "-c",
        cores,
        sys.executable,
        "-m",
        "benchmarks.servers",
        kind,
        str(port),
        *([url] * bool(url)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            if process.stdout.readline().strip() != "ready":
                raise SystemExit(f"the {kind} server did not start")
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
