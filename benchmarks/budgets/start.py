"""Measures the time from the start of a process to its first answer, and its memory after ten thousand requests."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.cores import Cores
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.peers.keyturn import environment
from benchmarks.peers.running import PEERS, running
from benchmarks.plan import Plan
from benchmarks.processes import free_port, resident_megabytes
from benchmarks.progress import Tell
from benchmarks.report import Report

REQUESTS = 10_000
_LONGEST = 60.0
_KEYTURN = [sys.executable, "-m", "keyturn"]


def measure(plan: Plan, tell: Tell) -> Report:
    """Start `serve` and `demo` several times on all cores, and measure the memory of one service under load."""
    return report_of("start", "From the start to the first answer, and memory", _figures(2 * plan.rounds - 1), tell)


def _figures(starts: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        here = environment(f"sqlite:///{folder}/keyturn.db")
        subprocess.run([*_KEYTURN, "migrate"], cwd=folder, env=here, check=True, capture_output=True)
        serving = [_seconds(["serve", "--no-worker"], folder, here) for _ in range(starts)]
    yield Figure(name="keyturn serve, median start", value=median(serving), unit="s", budget=1)
    with tempfile.TemporaryDirectory() as folder:
        first = _seconds(["demo"], folder, os.environ)
        again = [_seconds(["demo"], folder, os.environ) for _ in range(starts)]
    yield Figure(name="keyturn demo, first start (migrates, adds accounts)", value=first, unit="s", budget=1)
    yield Figure(name="keyturn demo, later starts", value=median(again), unit="s", budget=1)
    with tempfile.TemporaryDirectory() as folder:
        place, cores = Path(folder) / "keyturn", Cores.of_machine()
        with running(PEERS["keyturn"], place, f"sqlite:///{folder}/keyturn.db", REQUESTS, cores) as keyturn:
            run_load(Order(ports=[keyturn.port], requests=str(keyturn.requests("unknown")), connections=16), cores.load)
            memory = resident_megabytes(keyturn.pid)
    yield Figure(name=f"memory after {REQUESTS:,} requests", value=memory, unit="MB", budget=100)


def _seconds(command: Sequence[str], folder: str, environ: Mapping[str, str]) -> float:
    """Return the seconds until the command answers. Raises SystemExit if it ends first."""
    port = free_port()
    start = time.perf_counter()
    with subprocess.Popen(
        [*_KEYTURN, *command, "--port", str(port)],
        cwd=folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - start > _LONGEST:
                raise SystemExit(f"keyturn {command[0]} did not start")
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGINT)
        process.wait(10)
    return seconds


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
