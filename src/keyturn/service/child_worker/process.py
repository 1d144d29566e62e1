"""The worker's process, which `Supervisor` starts.

Its standard input brings its orders, then a line whenever messages were committed. It writes its
reports to its standard output.
"""

import asyncio
import contextlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from keyturn.garbage import collect_seldom
from keyturn.service.settings import Settings
from keyturn.service.settings.building import decode_text
from keyturn.service.telemetry.logs import configure_logs
from keyturn.service.telemetry.meters import Meters

if TYPE_CHECKING:
    from keyturn.service.container import Container


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's orders at its start. They go through a pipe, since the settings hold secrets.

    `path`: the `sys.path` of the process that starts it.
    """

    settings: Settings
    reload_templates: bool
    path: list[str]

    def line(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=str) + b"\n"


class WorkerStarted(msgspec.Struct, frozen=True, tag=True):
    """Reports that the worker has started."""


class MessagesCounted(msgspec.Struct, frozen=True, tag=True):
    """Reports a call of `Meters.message`."""

    kind: str
    outcome: str
    count: int


class DeliveryMeasured(msgspec.Struct, frozen=True, tag=True):
    """Reports a call of `Meters.delivery`."""

    kind: str
    seconds: float


WorkerReport = WorkerStarted | MessagesCounted | DeliveryMeasured


class ReportedMeters(Meters):
    """Reports the worker's counts to the process that started it, through a pipe."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        self.report(MessagesCounted(kind, outcome, count))

    def delivery(self, kind: str, seconds: float) -> None:
        self.report(DeliveryMeasured(kind, seconds))

    def report(self, report: WorkerReport) -> None:
        with contextlib.suppress(OSError):  # the reader has ended: the input ends next
            os.write(self._pipe, msgspec.json.encode(report) + b"\n")


def main() -> None:
    """Work until the standard input ends, or SIGTERM arrives."""
    # Ctrl-C reaches all processes of a terminal. The supervisor's process ends this one in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reports = os.dup(1)
    os.dup2(2, 1)  # what a library prints goes to stderr, since it is not a report
    pipe = io.FileIO(0, closefd=False)
    line = pipe.readline()
    if not line:  # the process that started this one has ended
        return
    orders = msgspec.json.decode(line, type=Orders, dec_hook=decode_text)
    sys.path[:] = orders.path
    configure_logs(orders.settings.logs.level)
    from keyturn.service.container import Container
    from keyturn.service.event_loop import WORKER_TURN, run

    meters = ReportedMeters(reports)
    container = Container(orders.settings, meters=meters, reload_templates=orders.reload_templates)
    collect_seldom(loaded=True)
    run(_work(container, meters, pipe), WORKER_TURN)


async def _work(container: "Container", meters: ReportedMeters, pipe: io.FileIO) -> None:
    from keyturn.service.event_loop import on_signals
    from keyturn.service.worker_queues import work

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work(container))

    def listen() -> None:
        if pipe.read(4096):
            container.outbox.wake()
        else:
            loop.remove_reader(pipe.fileno())
            task.cancel()

    loop.add_reader(pipe.fileno(), listen)
    with on_signals([signal.SIGTERM], task.cancel):
        meters.report(WorkerStarted())
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            await container.close()


if __name__ == "__main__":
    main()
