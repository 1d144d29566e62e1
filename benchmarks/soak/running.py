"""Runs one soak: start the API and a worker, send requests at a pace, record memory, and count the mails."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.comparison.entering import field
from benchmarks.databases import watched_outbox
from benchmarks.load import LoadProcess, finish_load, start_load
from benchmarks.load.messages import Order, Request, Window
from benchmarks.load.percentiles import grows
from benchmarks.peers import write_requests
from benchmarks.peers.running import Running, keyturn_worker
from benchmarks.processor_time import tree_megabytes
from benchmarks.progress import Tell
from benchmarks.soak.mixture import PACE, Outcome, kinds, mixture, outcome

EMAILS = {"known": "person{}@example.test", "reset": "reset{}@example.test"}
GROWTH, LEAST = 0.05, 5.0
"""The allowed growth of memory from the second quarter to the last: a share of it, or megabytes."""

_CONNECTIONS = 32
_WINDOW = 5.0
_REST = 120.0
"""Seconds within which the queue must be empty after the last request."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory in megabytes at `moment`, in seconds since the start."""

    moment: float
    api: float
    worker: float


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """A soak on one engine. `emptied` is the seconds until the queue was empty, None if it was not."""

    engine: str
    minutes: float
    requests: int
    outcome: Outcome
    windows: Sequence[Window]
    memory: Sequence[Memory]
    emptied: float | None

    def faults(self) -> list[str]:
        grown = [name for name in ("api", "worker") if self._grows(name)]
        return [
            *self.outcome.faults(),
            *["the queue was not empty at the end"] * (self.emptied is None),
            *(f"the memory of the {name} grew" for name in grown),
        ]

    def _grows(self, name: str) -> bool:
        return grows([getattr(one, name) for one in self.memory], share=GROWTH, least=LEAST)


def soak(engine: str, minutes: float, tell: Tell) -> Soak:
    """Run a soak. Raises SystemExit if the API or the worker does not start."""
    planned = kinds(max(round(minutes * 60 * PACE), 1))
    with (
        TemporaryDirectory(prefix="keyturn-soak-") as folder,
        field(engine, ["keyturn"], max(planned.count("known"), planned.count("reset"), 1), tell) as here,
    ):
        keyturn = here.peers["keyturn"]
        with keyturn_worker(keyturn, here.cores.server) as (worker, begin):
            begin()
            order = Order(
                ports=[keyturn.port],
                requests=_requests(keyturn, planned, Path(folder)),
                connections=_CONNECTIONS,
                most=len(planned),
                pace=PACE,
                window=_WINDOW,
            )
            with _started(order, here.cores.load) as load:
                memory = list(_watch(load, keyturn.pid, worker, tell))
                measured = finish_load(load)
            emptied = _emptied(keyturn.url)
        return Soak(
            engine=engine,
            minutes=minutes,
            requests=measured.requests,
            windows=measured.windows,
            memory=memory,
            emptied=emptied,
            outcome=outcome(planned, EMAILS, measured.answers, keyturn.sent()),
        )


def _requests(keyturn: Running, planned: Sequence[str], folder: Path) -> str:
    asked: Mapping[str, Sequence[Request]] = {
        kind: msgspec.json.decode(keyturn.requests(kind).read_bytes(), type=list[Request]) for kind in set(planned)
    }
    write_requests(folder, mixed=mixture(asked, planned))
    return str(folder / "mixed.json")


@contextmanager
def _started(order: Order, core: int) -> Iterator[LoadProcess]:
    load = start_load(order, core)
    try:
        yield load
    finally:
        if load.poll() is None:
            load.kill()
            load.wait()


def _watch(load: LoadProcess, api: int, worker: int, tell: Tell) -> Iterator[Memory]:
    begun, last = time.monotonic(), 0.0
    while load.poll() is None:
        moment = time.monotonic() - begun
        one = Memory(moment=moment, api=tree_megabytes(api), worker=tree_megabytes(worker))
        if moment - last >= 10 or not last:
            tell(f"API {one.api:.0f} MB, worker {one.worker:.0f} MB")
            last = moment
        yield one
        time.sleep(1)


def _emptied(url: str) -> float | None:
    begun = time.monotonic()
    with watched_outbox(url) as waiting:
        while waiting():
            if time.monotonic() - begun > _REST:
                return None
            time.sleep(0.05)
    return time.monotonic() - begun
