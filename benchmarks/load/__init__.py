"""Sends load from a process and a core of its own.

`run_load` starts the process, and `client.py` is its program.

The tool wrk does not fit: requests differ, since an address has a cooldown and a link works once.
Some loads have a fixed pace. The server's processor time must cover the same window as the
requests.
"""

import subprocess
import sys
import tempfile

import msgspec

from benchmarks.cores import pinned
from benchmarks.load.messages import Measurement, Order

__all__ = ["LoadProcess", "finish_load", "run_load", "start_load"]


def run_load(order: Order, core: int) -> Measurement:
    """Return the measurement.

    Raises SystemExit if the server refused a request, as a refusal is less work.
    """
    measured = finish_load(start_load(order, core))
    refused = {
        status: count for status, count in measured.statuses.items() if not 200 <= status < 400
    }
    if refused:
        raise SystemExit(f"requests were refused: {refused} of {order.requests}")
    return measured


class LoadProcess(subprocess.Popen[bytes]):
    """The process that sends load.

    It writes its measurement to a file, since a full pipe would block it.
    """

    def __init__(self, command: list[str]) -> None:
        self.measured = tempfile.TemporaryFile()  # noqa: SIM115 - `finish_load` reads and closes it
        super().__init__(command, stdin=subprocess.PIPE, stdout=self.measured)


def start_load(order: Order, core: int) -> LoadProcess:
    process = LoadProcess(pinned([sys.executable, "-m", "benchmarks.load.client"], core))
    assert process.stdin
    process.stdin.write(msgspec.json.encode(order))
    process.stdin.close()
    return process


def finish_load(process: LoadProcess) -> Measurement:
    process.wait()
    with process.measured as measured:
        measured.seek(0)
        text = measured.read()
    if process.returncode:
        raise SystemExit("the load ended in an error")
    return msgspec.json.decode(text, type=Measurement)
