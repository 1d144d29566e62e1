"""Load from a process of its own, on a core of its own: `run_load` starts it, `__main__` is what it runs.

Not wrk: each request differs from the one before (an address that has a cool-down, a link that works once), some come
at a pace, and the processor time of the server belongs to the same window as the requests.
"""

import subprocess
import sys
import tempfile

import msgspec

from benchmarks.cores import pinned
from benchmarks.load.messages import Measured, Order

__all__ = ["LoadProcess", "finish_load", "run_load", "start_load"]


def run_load(order: Order, core: int) -> Measured:
    """Return what was measured. Raises SystemExit where the server refused requests: a refusal is no work."""
    measured = finish_load(start_load(order, core))
    refused = {status: count for status, count in measured.statuses.items() if not 200 <= status < 400}
    if refused:
        raise SystemExit(f"requests were refused: {refused} of {order.requests}")
    return measured


class LoadProcess(subprocess.Popen[bytes]):
    """The process. What it measured goes to a file: a pipe that is full holds it up until somebody reads it."""

    def __init__(self, command: list[str]) -> None:
        self.measured = tempfile.TemporaryFile()  # noqa: SIM115 - it is read when the process has ended
        super().__init__(command, stdin=subprocess.PIPE, stdout=self.measured)


def start_load(order: Order, core: int) -> LoadProcess:
    process = LoadProcess(pinned([sys.executable, "-m", "benchmarks.load"], core))
    assert process.stdin
    process.stdin.write(msgspec.json.encode(order))
    process.stdin.close()
    return process


def finish_load(process: LoadProcess) -> Measured:
    process.wait()
    with process.measured as measured:
        measured.seek(0)
        text = measured.read()
    if process.returncode:
        raise SystemExit("the load ended in an error")
    return msgspec.json.decode(text, type=Measured)
