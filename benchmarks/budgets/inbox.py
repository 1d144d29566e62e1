"""Measures the inbox for any app with 100,000 mails: arrival of one more, and searches."""

import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.plan import Plan
from benchmarks.processes import free_port, megabytes_of_all
from benchmarks.progress import Tell
from benchmarks.report import Report
from keyturn.emails.inbox.query import condition_for
from keyturn.emails.inbox.store import CapturedMails, MailRetention

MAILS = 100_000
RUNS = 30
_LONGEST = 60.0
WORDS = 120

_SEARCHES: dict[str, dict[str, str]] = {
    "the newest hundred": {},
    "a word that every mail has": {"query": "order"},
    "a word that few have": {"query": "w1a2"},
    "part of an address": {"query": "to:user777"},
    "one recipient": {"to": f"user{MAILS // 2}@northwind.example"},
    "what no mail holds": {"query": "nothing of that"},
}


def measure(_: Plan, tell: Tell) -> Report:
    return report_of("inbox", f"The inbox for any app with {MAILS:,} mails", _figures(), tell)


def _figures() -> Iterator[Figure]:
    chance = random.Random(1)  # noqa: S311 - no secret
    words = [f"w{chance.randrange(1 << 16):x}" for _ in range(8_000)]
    with tempfile.TemporaryDirectory() as here:
        file = Path(here) / "inbox.db"
        yield from _figures_of_store(file, words, chance)
        yield from _figures_of_studio(file)


def _figures_of_store(file: Path, words: Sequence[str], chance: random.Random) -> Iterator[Figure]:
    captured = CapturedMails(file, retention=MailRetention(mails=MAILS))
    started = time.perf_counter()
    for number in range(MAILS):
        captured.add(_mail(number, chance.choices(words, k=WORDS)))
    yield Figure(name=f"mails taken, of {MAILS:,}", value=MAILS / (time.perf_counter() - started), unit="/s")
    arrival = _median(lambda: captured.add(_mail(0, chance.choices(words, k=WORDS))))
    yield Figure(name="arrival of one more, the oldest goes", value=arrival, unit="ms", budget=20)
    for name, asked in _SEARCHES.items():
        condition = condition_for(asked.get("query", ""), asked.get("to", ""))
        taken = _median(lambda condition=condition: captured.newest(condition, limit=100))  # type: ignore[misc]
        yield Figure(name=name, value=taken, unit="ms", budget=50)
        counted = _median(lambda condition=condition: captured.count(condition, 1_000))  # type: ignore[misc]
        yield Figure(name="  counted up to 1,000", value=counted, unit="ms", budget=50)
    captured.close()


def _figures_of_studio(file: Path) -> Iterator[Figure]:
    """Start the studio with the inbox, and wait until its page lists the newest mail."""
    port, started = free_port(), time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "keyturn",
        "studio",
        "--no-token",
        "--port",
        str(port),
        "--smtp",
        "0",
        "--inbox",
        str(file),
    ]
    with subprocess.Popen(command, cwd=file.parent, stdout=subprocess.DEVNULL) as process:
        while f" order {MAILS - 1}" not in _inbox(port):
            if process.poll() is not None or time.perf_counter() - started > _LONGEST:
                process.kill()
                raise SystemExit("the studio did not start with the inbox")
            time.sleep(0.005)
        taken, memory = time.perf_counter() - started, megabytes_of_all(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(10)
    yield Figure(name="keyturn studio --inbox, start to the list", value=taken, unit="s", budget=1)
    yield Figure(name="  memory then, workers too", value=memory, unit="MB", budget=120)


def _inbox(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/studio/inbox", timeout=30) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def _median(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        run()
        taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


def _mail(number: int, words: list[str]) -> bytes:
    head = (
        f"From: Shop <shop@northwind.example>\r\nTo: user{number}@northwind.example\r\n"
        f"Subject: {words[0]} order {number}\r\nDate: Fri, 20 Nov 2026 14:02:11 +0000\r\n\r\n"
    )
    return f"{head}{' '.join(words)}\r\n".encode()
