"""From the start of the process to its first answer, and what it holds after ten thousand requests."""

import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from statistics import median

from benchmarks.figure import Figure
from benchmarks.processes import free_port, resident_megabytes, server
from benchmarks.servers import PATH

STARTS = 5
REQUESTS = 10_000


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        first = _demo(folder)
        again = [_demo(folder) for _ in range(STARTS)]
    yield Figure(name="keyturn demo, first start (migrates, adds accounts)", value=first, unit="s", budget=1)
    yield Figure(name="keyturn demo, later starts", value=median(again), unit="s", budget=1)
    with server("keyturn") as (port, pid):
        for _ in range(REQUESTS):
            _post(port)
        yield Figure(name="memory after 10,000 requests", value=resident_megabytes(pid), unit="MB", budget=120)


def _demo(folder: str) -> float:
    port = free_port()
    start = time.perf_counter()
    command = [sys.executable, "-m", "keyturn", "demo", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while not _answers(port):
            if process.poll() is not None:
                raise SystemExit("the demo did not start")
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGINT)
        process.wait(10)
    return seconds


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _post(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}",
        data=b'{"email":"nobody@example.test"}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 202
