"""Measures one mail: rendering from Jinja and MJML, its text part included, and writing its MIME message."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from statistics import median
from time import perf_counter

from tests.samples import read_samples

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report
from keyturn.mail.port.email import Email
from keyturn.mail.port.mime import to_mime
from keyturn.parts import Parts
from keyturn.reset.mails.email_props import EMAILS
from keyturn.settings import DatabaseSettings, Secret, Settings

RUNS = 500


def measure(_: Plan, tell: Tell) -> Report:
    return report_of("mail", "One mail with its text part, warm", _figures(), tell)


def _figures() -> Iterator[Figure]:
    parts = Parts(Settings(environment="development", database=DatabaseSettings(url=Secret("sqlite:///:memory:"))))
    language, moment = parts.languages.choose("en"), datetime.now(UTC)
    for name, props in EMAILS.items():
        sample = next(iter(read_samples(parts.templates.folder, props).values()))
        rendered = parts.templates.render(sample, language)
        email = Email(
            sender="Northwind <no-reply@northwind.example>",
            to="person@example.test",
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
        )
        rendering = _milliseconds(partial(parts.templates.render, sample, language))
        yield Figure(name=f"render {name}", value=rendering, unit="ms", budget=0.3)
        writing = _milliseconds(partial(_mime, email, moment))
        yield Figure(name="  its MIME message", value=writing, unit="ms", budget=0.5)


def _mime(email: Email, moment: datetime) -> bytes:
    return bytes(to_mime(email, key="a" * 32, date=moment))


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times) * 1000
