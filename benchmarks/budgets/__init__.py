"""Measures single parts of Keyturn and compares each figure with its budget."""

from collections.abc import Iterable

from benchmarks.budgets.figure import Figure
from benchmarks.progress import Tell
from benchmarks.report import Report, Table

__all__ = ["report_of"]


def report_of(name: str, title: str, figures: Iterable[Figure], tell: Tell) -> Report:
    """Return a report with a row for each figure and its budget."""
    found = list[Figure]()
    for figure in figures:
        tell(f"{figure.name}: {figure.measured()}")
        found.append(figure)
    rows = [[one.name, one.measured(), one.verdict()] for one in found]
    table = Table(title=title, headers=["", "measured", "budget"], rows=rows)
    return Report(tables={name: table}, data=found)
