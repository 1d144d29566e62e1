"""Sends mixed load to the API and a worker for minutes.

Memory must stay flat, the queue must end empty, and every mail must be sent exactly once.
`python -m benchmarks.soak [--minutes 10]` runs it on SQLite and then on PostgreSQL.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import msgspec

from benchmarks.comparison.entering import field
from benchmarks.databases import watched_outbox
from benchmarks.load import finish_load, start_load
from benchmarks.load.messages import Measurement, Order, Request
from benchmarks.peers import LINKS, write_requests
from benchmarks.peers.running import Running, keyturn_worker
from benchmarks.plan import ENGINES
from benchmarks.processes import tree_megabytes
from benchmarks.report import Table, Tell, figure, teller

PACE = 60
"""Requests a second that one core can answer while it also sends mails and hashes."""

GROWTH, LEAST = 0.05, 5.0
"""The allowed growth of memory from the second quarter to the last: a share of it, or megabytes."""

_RESET_EACH = 120
"""One in this many requests is a reset while links last.

A reset takes a core a fifth of a second.
"""

_PATTERN = (
    "known",
    "unknown",
    "validate",
    "known",
    "unknown",
    "validate",
    "known",
    "unknown",
    "validate",
    "known",
)
_OWES = {
    "known": "person{}@example.test password_reset",
    "reset": "reset{}@example.test password_changed",
}
"""The mail that a request of each kind owes, as a line of the sender's file, with braces for its
number.
"""

_CONNECTIONS = 32
_WINDOW = 5.0
_REST = 120.0
"""Seconds within which the queue must be empty after the last request."""


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """A soak on one engine.

    `owed` and `sent`: mails by line.
    `api` and `worker`: megabytes, each second.
    `emptied`: seconds until the queue was empty, None if it was not.
    """

    engine: str
    measured: Measurement
    owed: Counter[str]
    sent: Counter[str]
    api: Sequence[float]
    worker: Sequence[float]
    emptied: float | None

    @property
    def lost(self) -> int:
        return (self.owed - self.sent).total()

    @property
    def doubled(self) -> int:
        return sum(count - 1 for count in self.sent.values())

    @property
    def refused(self) -> int:
        return sum(not 200 <= status < 300 for status in self.measured.answers)

    def faults(self) -> list[str]:
        shown = {
            "mails were lost": self.lost,
            "mails came again": self.doubled,
            "mails came without a request": sum(line not in self.owed for line in self.sent),
            "requests were refused": self.refused,
        }
        return [
            *(f"{count} {what}" for what, count in shown.items() if count),
            *["the queue was not empty at the end"] * (self.emptied is None),
            *["the memory of the API grew"] * _grows(self.api),
            *["the memory of the worker grew"] * _grows(self.worker),
        ]


@click.command()
@click.option(
    "--minutes",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Minutes on each database.",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(list(ENGINES)),
    help="Use only this database.",
)
def main(minutes: float, engines: tuple[str, ...]) -> None:
    """Request links, checks and resets at a fixed pace, and check that memory is flat and no mail
    is lost.
    """
    tell = teller()
    found = [_soak(engine, minutes, tell) for engine in engines or ENGINES]
    columns = [_column(one) for one in found]
    table = Table(
        title=f"{minutes:g} minutes of mixed load on each database, API and worker on one core",
        headers=["", *(ENGINES[one.engine] for one in found)],
        rows=[[name, *(column[name] for column in columns)] for name in columns[0]],
    )
    click.echo(table.markdown())
    if faults := [f"{ENGINES[one.engine]}: {fault}" for one in found for fault in one.faults()]:
        raise SystemExit("\n".join(faults))
    click.echo("Every promise held.", err=True)


def _column(one: Soak) -> dict[str, str]:
    windows = one.measured.windows
    return {
        "requests": f"{one.measured.requests:,}",
        "refused": f"{one.refused:,}",
        "mails owed": f"{one.owed.total():,}",
        "lost": str(one.lost),
        "doubled": str(one.doubled),
        "p50, ms": figure(one.measured.p50),
        "p99 in the last quarter, ms": figure(median(windows[-len(windows) // 4 :] or [0])),
        "API at its largest, MB": figure(max(one.api)),
        "worker at its largest, MB": figure(max(one.worker)),
        "queue empty after the last request": "no"
        if one.emptied is None
        else f"{one.emptied:.1f} s",
    }


def _soak(engine: str, minutes: float, tell: Tell) -> Soak:
    """Run a soak. Raises SystemExit if the API or the worker does not start."""
    planned = _kinds(max(round(minutes * 60 * PACE), 1))
    accounts = max(planned.count("known"), planned.count("reset"), 1)
    with (
        TemporaryDirectory(prefix="keyturn-soak-") as folder,
        field(engine, ["keyturn"], accounts, tell) as here,
    ):
        keyturn = here.peers["keyturn"]
        order = Order(
            port=keyturn.port,
            requests=_requests(keyturn, planned, Path(folder)),
            connections=_CONNECTIONS,
            most=len(planned),
            pace=PACE,
            window=_WINDOW,
        )
        with keyturn_worker(keyturn, here.cores.server) as (worker, begin):
            begin()
            api_used, worker_used = list[float](), list[float]()
            with start_load(order, here.cores.load) as load:
                while load.poll() is None:
                    api_used.append(tree_megabytes(keyturn.pid))
                    worker_used.append(tree_megabytes(worker))
                    if len(api_used) % 10 == 1:
                        tell(f"API {api_used[-1]:.0f} MB, worker {worker_used[-1]:.0f} MB")
                    time.sleep(1)
            measured, emptied = finish_load(load), _emptied(keyturn.url)
        return Soak(
            engine=engine,
            measured=measured,
            owed=_owed(planned, measured.answers),
            sent=Counter(keyturn.sent()),
            api=api_used,
            worker=worker_used,
            emptied=emptied,
        )


def _kinds(count: int) -> list[str]:
    """Return the kinds of `count` requests, in order."""
    found = list(islice(cycle(_PATTERN), count))
    for number, place in enumerate(range(_RESET_EACH - 1, count, _RESET_EACH)):
        found[place] = "reset" if number < LINKS else "validate"
    return found


def _requests(keyturn: Running, planned: Sequence[str], folder: Path) -> str:
    asked: Mapping[str, Sequence[Request]] = {
        kind: msgspec.json.decode(keyturn.requests(kind).read_bytes(), type=list[Request])
        for kind in set(planned)
    }
    write_requests(folder, mixed=_mixture(asked, planned))
    return str(folder / "mixed.json")


def _mixture(asked: Mapping[str, Sequence[Request]], planned: Sequence[str]) -> Iterator[Request]:
    """Yield a request for each kind.

    A known address or a reset is used once, since each owes one mail.
    """
    sources = {
        name: iter(requests) if name in _OWES else cycle(requests)
        for name, requests in asked.items()
    }
    for kind in planned:
        yield next(sources[kind])


def _owed(planned: Sequence[str], answers: Sequence[int]) -> Counter[str]:
    """Return the mails that the answers promised.

    `answers`: the statuses of the requests, in their order.
    """
    numbers, owed = Counter[str](), Counter[str]()
    for kind, status in zip(planned, answers, strict=True):
        if kind in _OWES and 200 <= status < 300:
            owed[_OWES[kind].format(numbers[kind])] += 1
        numbers[kind] += 1
    return owed


def _emptied(url: str) -> float | None:
    begun = time.monotonic()
    with watched_outbox(url) as waiting:
        while waiting():
            if time.monotonic() - begun > _REST:
                return None
            time.sleep(0.05)
    return time.monotonic() - begun


def _grows(samples: Sequence[float]) -> bool:
    """Tell whether the last quarter's median exceeds the second quarter's by more than is allowed.

    The first quarter is left out, since late imports and filling caches are no leak.
    """
    quarter = len(samples) // 4
    if not quarter:
        return False
    before, after = median(samples[quarter : 2 * quarter]), median(samples[-quarter:])
    return after - before > max(GROWTH * before, LEAST)


if __name__ == "__main__":
    main()
