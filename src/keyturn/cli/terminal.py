"""Formats terminal output: aligned lines and one accent colour; plain when piped or with NO_COLOR."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from keyturn.errors import KeyturnError

ACCENT = "green"
PORT = click.IntRange(0, 65535)
"""What a --port may be; the studio, the demo and the service take the same."""


class CommandRefused(KeyturnError):
    """A command does not do what it was asked to do; the text says why."""


_CONTROLS = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


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


def harmless(text: str) -> str:
    """Return a text with a sign in place of characters that would control the terminal or turn its direction.

    Files of others may contain them to hide what is reported about them (CWE-150, CVE-2021-42574). The length stays.
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def wrap(text: str, indent: str) -> str:
    """Return a text in lines of the terminal, each later one behind `indent`; as it is if piped."""
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - len(indent), 30)
    return f"\n{indent}".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def stamp(moment: datetime) -> str:
    """Return a time, in UTC, as every table writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ready() -> str:
    """Return what a greeting says once requests are answered: "ready in 0.6 s"."""
    seconds = _seconds_since_start()
    return f"ready in {seconds:.1f} s" if seconds is not None else "ready"


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


def facts(values: Mapping[str, object]) -> None:
    """Print the values of an object, as `--json` names them, in aligned lines. Empty ones are left out."""
    shown = {name.replace("_", " ").capitalize(): _in_words(value) for name, value in values.items()}
    width = max(map(len, shown))
    for name, text in shown.items():
        if text:
            click.echo(f"  {muted(name.ljust(width))}  {text}")


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return stamp(value)
    return "" if value is None else str(value)


def print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def _seconds_since_start() -> float | None:
    """Return the seconds since the operating system started this process, if it tells (Linux, proc(5))."""
    if not sys.platform.startswith("linux"):
        return None
    fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
