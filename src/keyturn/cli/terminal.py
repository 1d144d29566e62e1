"""How the terminal looks: aligned lines, one accent, nothing of it when piped or with NO_COLOR."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

import click

ACCENT = "green"
PORT = click.IntRange(0, 65535)
"""What a --port may be; the studio, the demo and the service take the same."""


def wants_no_colour() -> bool:
    """Tell whether NO_COLOR is set (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def accent(text: str) -> str:
    return click.style(text, fg=ACCENT)


def muted(text: str) -> str:
    return click.style(text, dim=True)


def strong(text: str) -> str:
    return click.style(text, bold=True)


def warning(text: str) -> str:
    return click.style(text, fg="yellow")


def error(text: str) -> str:
    return click.style(text, fg="red")


def stamp(moment: datetime) -> str:
    """Return a time, in UTC, as every table writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def fail(*lines: str) -> NoReturn:
    """Say what is wrong, on stderr, and end with 1."""
    color = False if wants_no_colour() else None
    click.echo(click.style("keyturn: ", fg="red") + lines[0], err=True, color=color)
    for line in lines[1:]:
        click.echo(line, err=True, color=color)
    sys.exit(1)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print aligned columns, whose cells may be styled, or what to do where there are no rows."""
    if not rows:
        click.echo(empty)
        return
    widths = [max(len(click.unstyle(row[column])) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    click.echo(muted(line(head)))
    for row in rows:
        click.echo(line(row))
