"""The worker that `Supervisor` starts: orders come by its standard input, then a line for each
message that waits.
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
from keyturn.service.telemetry.logs import configure_logs
from keyturn.service.telemetry.meters import Meters

if TYPE_CHECKING:
    from keyturn.service.container import Container

WORKING = "working"
"""The report that the worker has started its work; all others have the name of a method of the
meters.
"""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's orders at its start, sent over a pipe since the settings hold secrets."""

    settings: Settings
    reload_templates: bool
    path: list[str]

    def line(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=str) + b"\n"


class ReportedMeters(Meters):
    """Reports what the worker counts to the process that reads the other end of a pipe."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def report(self, *words: str | float) -> None:
        with contextlib.suppress(OSError):  # the reader is gone: the end of the input follows
            os.write(self._pipe, msgspec.json.encode(words) + b"\n")

    def message(self, kind: str, outcome: str, count: int = 1) -> None:
        self.report("message", kind, outcome, count)

    def delivery(self, kind: str, seconds: float) -> None:
        self.report("delivery", kind, seconds)


def main() -> None:
    """Work until the standard input ends, or SIGTERM comes."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all processes; the other process ends this one
    reports = os.dup(1)
    os.dup2(2, 1)  # output that a library prints is no report
    pipe = io.FileIO(0, closefd=False)
    if not (line := pipe.readline()):
        return
    orders = msgspec.json.decode(line, type=Orders, dec_hook=lambda kind, text: kind(text))
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

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(container.work())

    def listen() -> None:
        if pipe.read(4096):
            container.outbox.wake()
        else:
            loop.remove_reader(pipe.fileno())
            task.cancel()

    loop.add_reader(pipe.fileno(), listen)
    with on_signals([signal.SIGTERM], task.cancel):
        meters.report(WORKING)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            await container.close()


if __name__ == "__main__":
    main()
