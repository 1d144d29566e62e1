"""Runs a small breach for real: PostgreSQL, the command, the API and two workers, and a provider that keeps a rate.

The provider is the tests' server that behaves as Resend's API does. It answers after a while and counts its own rate.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bcrypt
import msgspec
import psycopg
from psycopg import sql
from tests.resend_server.answers import Answer, Request
from tests.resend_server.server import API_KEY, ResendServer
from tests.serving import serving

from benchmarks.breach.week import Breach, Costs, Distribution
from benchmarks.cores import Cores
from benchmarks.databases import running_databases
from benchmarks.load import LoadProcess, finish_load, start_load
from benchmarks.load.messages import Measurement, Order
from benchmarks.peers import COST, email_of
from benchmarks.peers.keyturn import ENVIRONMENT
from benchmarks.peers.running import PEERS, ROOT, Running, end, running
from benchmarks.processor_time import tree_seconds
from benchmarks.progress import Tell

HEADROOM = 2.0
"""The provider's limit as a multiple of the workers' rate, so that it refuses none."""

TIGHT = (1.0, 1.1)
"""Other multiples, with which the provider refuses mails that come a little early, and all workers then wait."""

ANSWER = 0.1
"""Seconds until the provider answers."""

WORKERS = 2
_AT_ONCE = 10_000.0
"""A rate of the command that does not delay it."""

_RESETS = 16
_PATIENCE = 240.0


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many accounts each part asks. `slice`: the breach to compare with its simulation."""

    mails: int = 1000
    backlog: int = 150
    slice: Breach = Breach(
        accounts=480,
        asked=6,
        rate=10,
        answer=ANSWER,
        requests=1,
        follow=0,
        delay=1,
        sign_ins=1,
        cores=1,
        between=40,
        until=80,
        quiet=20,
    )


QUICK = Sizes(
    mails=60,
    backlog=60,
    slice=msgspec.structs.replace(Sizes().slice, accounts=60, between=5, until=10, quiet=2),
)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A small breach as it went.

    `leave`, `waited`, `requested`: as in the simulation. `quiet` and `sign_ins`: median and largest in milliseconds.
    `tables`: bytes of a sent message in each table, indexes included. `capacity`: mails a second of both workers with
    a provider without a rate. `bloated`: bytes of a sent message if no
    vacuum comes between. `refused`: answers 429 of the provider. `tight`: the
    provider's limit as a multiple of the workers' rate, the share of their rate that they reach then, and answers 429.
    """

    slice: Breach
    costs: Costs
    leave: Distribution
    waited: Distribution
    requested: Distribution
    quiet: tuple[float, float]
    sign_ins: tuple[float, float]
    tables: dict[str, float]
    capacity: float
    bloated: float
    refused: int
    tight: list[tuple[float, float, int]]


class Provider(ResendServer):
    """Notes when it accepts each mail, in seconds since 1970."""

    def forget(self) -> None:
        super().forget()
        self.left = dict[str, float]()
        self.refused = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(ANSWER)
        await super().__call__(scope, receive, send)

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if answer.status == 200:
            self.left.setdefault(request.fields["to"][0], time.time())
        self.refused += answer.status == 429
        return answer


class Installation:
    """A running Keyturn: its API, its database, and the workers and commands that are started for it."""

    def __init__(self, keyturn: Running, provider: Provider) -> None:
        self.keyturn = keyturn
        self.provider = provider
        self.spent = 0.0
        self._rate = 1000.0
        self._workers: list[subprocess.Popen[bytes]] = []

    def set_rate(self, rate: float, limit: float | None) -> None:
        """Let the next workers keep `rate`, and the provider refuse more than `limit` a second; None for any number."""
        self._rate = rate
        self.provider.requests_per_second = None if limit is None else round(limit)

    def start_workers(self) -> None:
        with (self.keyturn.folder / "workers.log").open("ab") as log:
            command = [sys.executable, "-m", "keyturn", "worker"]
            self._workers = [
                subprocess.Popen(command, cwd=self.keyturn.folder, env=self._environment(), stdout=log, stderr=log)
                for _ in range(WORKERS)
            ]

    def end_workers(self) -> None:
        """End them as an orchestrator does, by SIGTERM, and note their processor time."""
        self.spent += self.workers_seconds()
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.terminate()
        for worker in workers:
            end(worker)

    def workers_seconds(self) -> float:
        return sum(tree_seconds(worker.pid) for worker in self._workers)

    @contextmanager
    def asking(self, numbers: range, rate: float) -> Iterator["subprocess.Popen[bytes]"]:
        """Run `keyturn accounts reset` for these accounts in the background until the block ends."""
        name = f"asked-{numbers.start}"
        addresses = self.keyturn.folder / f"{name}.txt"
        addresses.write_text("\n".join(map(email_of, numbers)), "utf-8")
        options = ["--from", str(addresses), "--csv", str(addresses.with_suffix(".csv")), "--yes"]
        command = [
            sys.executable,
            "-m",
            "keyturn",
            "accounts",
            "reset",
            *options,
            "--rate",
            f"{round(rate * 60)}/minute",
        ]
        with (self.keyturn.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.keyturn.folder, env=self._environment(), stdout=log, stderr=log
            )
        try:
            yield process
            if process.wait(_PATIENCE):
                raise SystemExit((self.keyturn.folder / f"{name}.log").read_text("utf-8", "replace")[-2000:])
        finally:
            if process.poll() is None:
                end(process)

    def wait_for_mails(self, emails: Sequence[str]) -> None:
        """Wait until the provider has a mail for each. Raises SystemExit if they stop coming."""
        until = time.monotonic() + _PATIENCE
        while missing := len(emails) - sum(email in self.provider.left for email in emails):
            if time.monotonic() > until:
                log = (self.keyturn.folder / "workers.log").read_text("utf-8", "replace")
                raise SystemExit(f"{missing} mails did not leave:\n{log[-2000:]}")
            time.sleep(0.05)

    @contextmanager
    def load(self, operation: str, core: int, **order: Any) -> Iterator[LoadProcess]:
        """Send requests in the background. At the end of the block the load has ended, or is ended."""
        requests = str(self.keyturn.requests(operation))
        load = start_load(Order(ports=[self.keyturn.port], requests=requests, connections=4, **order), core)
        try:
            yield load
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()

    def bytes(self) -> int:
        """Return the bytes of Keyturn's tables and indexes without the space of dead rows."""
        with psycopg.connect(self.keyturn.url, autocommit=True) as server:
            server.execute("VACUUM FULL")
        return self.bytes_now()

    def bytes_now(self) -> int:
        return sum(self.tables().values())

    def live_bytes(self) -> int:
        """Return the bytes of all rows, without pages and indexes: exact for a few rows."""
        with psycopg.connect(self.keyturn.url, autocommit=True) as server:
            names = [str(name) for (name,) in server.execute(f"SELECT relname {_TABLES}").fetchall()]
            size = sql.SQL("SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {} t")
            rows = [server.execute(size.format(sql.Identifier(name))).fetchone() for name in names]
            return sum(int(row[0]) for row in rows if row)

    def tables(self) -> dict[str, int]:
        """Return the bytes of each table with its indexes."""
        with psycopg.connect(self.keyturn.url, autocommit=True) as server:
            rows = server.execute(f"SELECT relname, pg_total_relation_size(oid) {_TABLES}").fetchall()
            return {str(name): int(size) for name, size in rows}

    def _environment(self) -> Mapping[str, str]:
        settings = msgspec.json.decode((self.keyturn.folder / ENVIRONMENT).read_bytes(), type=dict[str, str])
        mail = {
            "KEYTURN_MAIL_TRANSPORT": "resend",
            "KEYTURN_RESEND_API_URL": self.provider.url,
            "KEYTURN_RESEND_RATE": f"{self._rate:g}",
            "RESEND_API_KEY": API_KEY,
        }
        return {**os.environ, **settings, **mail, "PYTHONPATH": str(ROOT)}


_TABLES = "FROM pg_class WHERE relname LIKE 'keyturn_%' AND relkind = 'r'"


def measure(sizes: Sizes, tell: Tell) -> Measured:
    """Run all parts, one after the other. Raises SystemExit if a process fails or a mail does not leave."""
    accounts = sizes.mails + (len(TIGHT) + 1) * sizes.backlog + sizes.slice.accounts
    with ExitStack() as stack:
        cores = Cores.of_machine()
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keyturn-bench-")))
        databases = stack.enter_context(running_databases("postgresql", cores.database))
        spare = round(sizes.slice.accounts / sizes.slice.asked) + 400  # for ordinary requests
        keyturn = stack.enter_context(
            running(PEERS["keyturn"], folder / "keyturn", databases.empty("breach"), accounts + spare, cores)
        )
        provider = Provider()
        provider.url = stack.enter_context(serving(provider, provider.connections))
        here = Installation(keyturn, provider)
        stack.callback(here.end_workers)
        hashed = _hash_seconds()
        tell(f"a hash takes {hashed * 1000:.0f} ms of a core")
        costs, figures = _mails(here, range(sizes.mails), tell)
        reset = _resets(here, cores, costs["sent"] / costs.pop("live"), tell)
        rate, first = sizes.slice.rate, sizes.mails
        tight, pace, restart = list[tuple[float, float, int]](), 0.0, 0.0
        for headroom in (*TIGHT, HEADROOM):
            before = provider.refused
            numbers = range(first, first := first + sizes.backlog)
            pace, restart = _backlog(here, numbers, rate, rate * headroom, tell)
            tight.append((headroom, pace, provider.refused - before))
        measured = Costs(hash=hashed, reset=reset, pace=pace, restart=restart, **costs)
        figures |= {"tight": tight}
        return _slice(here, sizes, first, cores, tell, costs=measured, **figures)


def _hash_seconds() -> float:
    salt, begun = bcrypt.gensalt(COST), time.process_time()
    for _ in range(4):
        bcrypt.hashpw(b"Lighthouse-7-loud", salt)
    return (time.process_time() - begun) / 4


def _mails(here: Installation, numbers: range, tell: Tell) -> tuple[dict[str, float], dict[str, Any]]:
    """Ask without workers, then send without a rate: bytes and processor time, and the workers' capacity."""
    count, before, live, tables = len(numbers), here.bytes(), here.live_bytes(), here.tables()
    with here.asking(numbers, _AT_ONCE) as asking:
        _, status, used = os.wait4(asking.pid, 0)
        asking.returncode = os.waitstatus_to_exitcode(status)
    waiting = here.bytes() - before
    here.set_rate(1000, None)
    here.start_workers()
    here.wait_for_mails([email_of(number) for number in numbers])
    here.end_workers()
    moments = sorted(here.provider.left.values())
    capacity = (count - 1) / (moments[-1] - moments[0])
    bloated = here.bytes_now() - before
    sent, live = here.bytes() - before, here.live_bytes() - live
    tell(f"{count} mails: {capacity:.0f} a second, {waiting / count:.0f} bytes waiting, {sent / count:.0f} sent")
    costs = {
        "ask": (used.ru_utime + used.ru_stime) / count,
        "mail": here.spent / count,
        "waiting": waiting / count,
        "sent": sent / count,
        "live": live / count,
    }
    grown = {name: (size - tables[name]) / count for name, size in here.tables().items() if size > tables[name]}
    return costs, {"capacity": capacity, "bloated": bloated / count, "tables": grown}


def _resets(here: Installation, cores: Cores, share: float, tell: Tell) -> float:
    """Return the bytes of a finished reset with its confirmation. `share`: bytes in tables for each byte of a row."""
    before = here.live_bytes()
    with here.load("reset", cores.load, most=_RESETS) as resetting:
        finish_load(resetting)
    here.start_workers()
    here.wait_for_mails([f"reset{number}@example.test" for number in range(_RESETS)])
    here.end_workers()
    each = (here.live_bytes() - before) / _RESETS * share
    tell(f"a finished reset takes {each:.0f} bytes")
    return each


def _backlog(here: Installation, numbers: range, rate: float, limit: float, tell: Tell) -> tuple[float, float]:
    """Send a backlog, with a restart in its middle: the share of the rate that is reached, and the gap of the restart.

    `limit`: mails a second that the provider takes.
    """
    here.set_rate(rate, limit)
    with here.asking(numbers, _AT_ONCE):
        pass
    emails = [email_of(number) for number in numbers]
    here.start_workers()
    here.wait_for_mails(emails[: len(emails) // 2])
    here.end_workers()
    here.start_workers()
    here.wait_for_mails(emails)
    here.end_workers()
    moments = sorted(here.provider.left[email] for email in emails)
    gaps = sorted(later - earlier for earlier, later in pairwise(moments))
    restart = gaps.pop()
    pace = len(gaps) / sum(gaps) / rate
    tell(f"{pace:.0%} of {rate:g} a second where {limit:g} are taken, {restart:.1f} s without a mail at a restart")
    return pace, restart


def _slice(here: Installation, sizes: Sizes, first: int, cores: Cores, tell: Tell, **rest: Any) -> Measured:
    """Run the breach that is simulated, too: waves, other people's requests, sign-ins and restarts."""
    plan, refused = sizes.slice, here.provider.refused
    with here.load("login", cores.load, seconds=plan.quiet, pace=plan.sign_ins) as signing_in:
        quiet = finish_load(signing_in)
    emails = [email_of(number) for number in range(first, first + plan.accounts)]
    seconds, others = plan.accounts / plan.asked, first + plan.accounts
    count = max(int(seconds * plan.requests), 1)
    here.start_workers()
    with here.asking(range(others + count, others + count + 1), _AT_ONCE):
        pass
    here.wait_for_mails([email_of(others + count)])  # so that the workers have started
    tell(f"{plan.accounts} accounts are asked in {seconds:.0f} s, with a restart each {plan.between:g} s")
    with (
        here.load("login", cores.load, seconds=seconds, pace=plan.sign_ins) as signing_in,
        here.load("known", cores.load, first=others, most=count, pace=plan.requests) as requesting,
        here.asking(range(first, others), plan.asked),
    ):
        begun, restarts = time.monotonic(), 1
        while time.monotonic() - begun < seconds:
            time.sleep(0.1)
            if time.monotonic() - begun >= restarts * plan.between:
                here.end_workers()
                here.start_workers()
                restarts += 1
        finish_load(requesting)
        signed = finish_load(signing_in)
    here.wait_for_mails([*emails, *(email_of(number) for number in range(others, others + count))])
    here.end_workers()
    asked = _asked(here)
    begin = min(asked[email] for email in emails)
    left = here.provider.left
    requested = [left[one] - asked[one] for number in range(count) if (one := email_of(others + number)) in asked]
    return Measured(
        slice=plan,
        leave=Distribution.of([left[email] - begin for email in emails]),
        waited=Distribution.of([left[email] - asked[email] for email in emails]),
        requested=Distribution.of(requested),
        quiet=_spread(quiet),
        sign_ins=_spread(signed),
        refused=here.provider.refused - refused,
        **rest,
    )


def _spread(measured: Measurement) -> tuple[float, float]:
    return measured.p50, measured.p99


def _asked(here: Installation) -> Mapping[str, float]:
    """Return when each address was asked or requested a link, in seconds since 1970."""
    statement = (
        "SELECT email, extract(epoch FROM created_at) FROM keyturn_audit JOIN keyturn_outbox o ON o.id = message_id"
    )
    with psycopg.connect(here.keyturn.url, autocommit=True) as server:
        return {str(email): float(moment) for email, moment in server.execute(statement)}
