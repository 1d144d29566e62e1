"""What processes of the service need to start, and what tests do to their workers."""

import json
import os
import select
import signal

from tests.driver.service import METRICS_TOKEN
from tests.servers.processes import Running

PRODUCTION = {
    "KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "KEYTURN_MAIL_TRANSPORT": "capture",
}
ENVIRONMENT = {
    "KEYTURN_ENVIRONMENT": "development",
    "KEYTURN_MAIL_TRANSPORT": "capture",
    "KEYTURN_METRICS_TOKEN": METRICS_TOKEN,
}


def worker_of(serve: Running, times: int = 1) -> int:
    """Return the process id of the worker, as soon as it works."""
    pid = json.loads(serve.wait_for("worker.started", times))["pid"]
    assert isinstance(pid, int)
    return pid


def end_worker(serve: Running, times: int = 1) -> None:
    """End the worker. /metrics then has all its counts: they arrive over a pipe, which is read to
    its end before.
    """
    ended = sum("worker.ended" in line for line in serve.said)
    os.kill(worker_of(serve, times), signal.SIGTERM)
    serve.wait_for("worker.ended", ended + 1)


def wait_for_end(descriptor: int) -> None:
    """Wait for the process of which `os.pidfd_open` has returned the descriptor, and close that."""
    with open(descriptor) as process:
        assert select.select([process], [], [], 60)[0], "the process is still there"
