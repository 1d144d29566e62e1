"""Progress on the terminal, and tables of figures."""

import time
from collections.abc import Callable, Sequence

import click
import msgspec

Tell = Callable[[str], None]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of text. The first column is aligned to the left, the others to the right."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.headers, *self.rows, strict=True)]
        rule = [
            "-" * width if number == 0 else "-" * (width - 1) + ":"
            for number, width in enumerate(widths)
        ]
        lines = [_line(self.headers, widths), f"| {' | '.join(rule)} |"]
        return (
            "\n".join([f"{self.title}\n", *lines, *(_line(row, widths) for row in self.rows)])
            + "\n"
        )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *others])} |"


def figure(value: float) -> str:
    """Return a figure with three significant digits, or "" for zero."""
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def teller() -> Tell:
    """Return a function that prints a line to standard error, behind the minutes and seconds since
    this call.
    """
    begun = time.monotonic()

    def tell(line: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - begun), 60)
        click.echo(f"{minutes:3d}:{seconds:02d}  {line}", err=True)

    return tell
