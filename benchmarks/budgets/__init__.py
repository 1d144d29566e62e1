"""Measures single parts of Keyturn and compares each figure with its budget."""

from collections.abc import Iterable

import msgspec

from benchmarks.report import Table, Tell


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A median of several runs, and its upper limit."""

    name: str
    value: float
    unit: str
    budget: float | None = None

    def measured(self) -> str:
        """Return the value with its unit, in three digits, or in more if three would hide the
        verdict.
        """
        holds = self._holds(self.value)
        # 17 digits are unique to each float
        texts = (f"{self.value:.{digits}g}" for digits in range(3, 18))
        text = next(text for text in texts if self._holds(float(text)) == holds)
        return f"{text} {self.unit}"

    def verdict(self) -> str:
        if self.budget is None:
            return ""
        return f"{'holds' if self._holds(self.value) else 'EXCEEDS'} <= {self.budget:g}"

    def _holds(self, value: float) -> bool:
        return self.budget is None or value <= self.budget


def budget_table(title: str, figures: Iterable[Figure], tell: Tell) -> Table:
    """Return a table with a row for each figure and its budget."""
    rows = list[list[str]]()
    for figure in figures:
        tell(f"{figure.name}: {figure.measured()}")
        rows.append([figure.name, figure.measured(), figure.verdict()])
    return Table(title=title, headers=["", "measured", "budget"], rows=rows)
