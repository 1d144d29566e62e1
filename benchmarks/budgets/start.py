"""Measures the time from the start of a process to its first answer, and its memory after ten
thousand requests.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.budgets import Figure, budget_table
from benchmarks.cores import Cores
from benchmarks.load import run_load
from benchmarks.load.messages import Order
from benchmarks.peers.keyturn import environment
from benchmarks.peers.running import PEERS, running
from benchmarks.plan import Plan
from benchmarks.processes import answering, page, tree_megabytes
from benchmarks.report import Table, Tell

REQUESTS = 10_000


def measure(plan: Plan, tell: Tell) -> list[Table]:
    """Start `serve` and `demo` several times on all cores, and measure the memory of one service
    under load.
    """
    figures = _figures(2 * plan.rounds - 1)
    return [budget_table("From the start to the first answer, and memory", figures, tell)]


def _figures(starts: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        here = environment(f"sqlite:///{folder}/keyturn.db")
        migrating = [sys.executable, "-m", "keyturn", "migrate"]
        subprocess.run(migrating, cwd=folder, env=here, check=True, capture_output=True)
        serving = [
            _seconds("serve", "--no-worker", folder=folder, environment=here) for _ in range(starts)
        ]
    yield Figure(name="keyturn serve, median start", value=median(serving), unit="s", budget=1)
    with tempfile.TemporaryDirectory() as folder:
        first = _seconds("demo", folder=folder, environment=os.environ)
        again = [_seconds("demo", folder=folder, environment=os.environ) for _ in range(starts)]
    yield Figure(
        name="keyturn demo, first start (migrates, adds accounts)", value=first, unit="s", budget=1
    )
    yield Figure(name="keyturn demo, later starts", value=median(again), unit="s", budget=1)
    with tempfile.TemporaryDirectory() as folder:
        place, cores = Path(folder) / "keyturn", Cores.of_machine()
        with running(
            PEERS["keyturn"], place, f"sqlite:///{folder}/keyturn.db", REQUESTS, cores
        ) as keyturn:
            run_load(
                Order(port=keyturn.port, requests=str(keyturn.requests("unknown")), connections=16),
                cores.load,
            )
            memory = tree_megabytes(keyturn.pid)
    yield Figure(name=f"memory after {REQUESTS:,} requests", value=memory, unit="MB", budget=110)


def _seconds(*command: str, folder: str, environment: Mapping[str, str]) -> float:
    """Return the seconds until the command answers."""
    start, ready = time.perf_counter(), partial(page, path="/health/live")
    with answering(*command, folder=Path(folder), ready=ready, environment=environment):
        return time.perf_counter() - start
