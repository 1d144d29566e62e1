"""The inbox for any app, full: how long a mail takes to arrive among 100,000, and to be found there."""

import random
import time
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report
from keyturn.emails.inbox.query import condition_for
from keyturn.emails.inbox.store import CapturedMails, Retention

MAILS = 100_000
RUNS = 30
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
    captured = CapturedMails(retention=Retention(mails=MAILS))
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
