"""One mail: Jinja and MJML, warm."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter

from benchmarks.budgets import report_of
from benchmarks.budgets.figure import Figure
from benchmarks.plan import Plan
from benchmarks.progress import Tell
from benchmarks.report import Report
from keyturn.emails.gallery.samples.files import read_samples
from keyturn.parts import Parts
from keyturn.reset.delivery.email_props import EMAILS
from keyturn.settings import DatabaseSettings, Secret, Settings

RUNS = 500


def measure(_: Plan, tell: Tell) -> Report:
    return report_of("mail", "One mail, Jinja and MJML, warm", _figures(), tell)


def _figures() -> Iterator[Figure]:
    parts = Parts(Settings(environment="development", database=DatabaseSettings(url=Secret("sqlite:///:memory:"))))
    language = parts.languages.choose("en")
    for name, props in EMAILS.items():
        sample = next(iter(read_samples(parts.templates.folder, props).values()))
        parts.templates.render(sample, language)
        times = []
        for _ in range(RUNS):
            start = perf_counter()
            parts.templates.render(sample, language)
            times.append(perf_counter() - start)
        yield Figure(name=f"render {name}", value=median(times) * 1000, unit="ms", budget=0.2)
