"""Load from a process of its own, on a core of its own: `run_load` starts it, `__main__` is what it runs.

Not wrk: each request differs from the one before (an address that has a cool-down, a link that works once), some come
at a pace, and the processor time of the server belongs to the same window as the requests.
"""

import subprocess
import sys

import msgspec

from benchmarks.cores import pinned
from benchmarks.load.messages import Measured, Order

__all__ = ["finish_load", "run_load", "start_load"]


def run_load(order: Order, core: int) -> Measured:
    """Return what was measured. Raises SystemExit where the server refused requests: a refusal is no work."""
    measured = finish_load(start_load(order, core))
    refused = {status: count for status, count in measured.statuses.items() if not 200 <= status < 400}
    if refused:
        raise SystemExit(f"requests were refused: {refused} of {order.requests}")
    return measured


def start_load(order: Order, core: int) -> "subprocess.Popen[bytes]":
    command = pinned([sys.executable, "-m", "benchmarks.load"], core)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(msgspec.json.encode(order))
    process.stdin.close()
    return process


def finish_load(process: "subprocess.Popen[bytes]") -> Measured:
    assert process.stdout
    with process:
        text = process.stdout.read()
    if process.returncode:
        raise SystemExit("the load ended in an error")
    return msgspec.json.decode(text, type=Measured)
