"""Formats terminal output: aligned lines and one accent colour; plain when piped or with NO_COLOR."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from keyturn.errors import KeyturnError

PORT = click.IntRange(0, 65535)
"""What a --port may be; the studio, the demo and the service take the same."""


class CommandRefused(KeyturnError):
    """A command does not do what it was asked to do; the text says why."""


_COMMAND = re.compile(r"`[^`]*`|--\w+ \S+")
_CONTROLS = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def wants_no_colour() -> bool:
    """Tell whether NO_COLOR is set (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


accent, warning, error = (partial(click.style, fg=colour) for colour in ("green", "yellow", "red"))
muted, strong = partial(click.style, dim=True), partial(click.style, bold=True)


def harmless(text: str) -> str:
    """Return a text with a sign in place of characters that would control the terminal or turn its direction.

    Files of others may contain them to hide what is reported about them (CWE-150, CVE-2021-42574). The length stays.
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def wrap(text: str, indent: str) -> str:
    """Return a text in lines of the terminal, each later one behind `indent`; as it is if piped.

    A command stays on one line, to copy it.
    """
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - len(indent), 30)
    whole = _COMMAND.sub(lambda one: one[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{indent}".join(lines).replace("\0", " ")


def stamp(moment: datetime) -> str:
    """Return a time, in UTC, as every table writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ready() -> str:
    """Return what a greeting says once requests are answered: "ready in 0.6 s".

    Only Linux tells when a process started (proc(5)).
    """
    if not sys.platform.startswith("linux"):
        return "ready"
    fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return f"ready in {time.clock_gettime(time.CLOCK_BOOTTIME) - started:.1f} s"


def fail(*lines: str) -> NoReturn:
    """Say what is wrong, on stderr, and end with 1."""
    color = False if wants_no_colour() else None
    click.echo(error("keyturn: ") + lines[0], err=True, color=color)
    for line in lines[1:]:
        click.echo(line, err=True, color=color)
    sys.exit(1)


def listing(
    entries: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
    empty: str,
    *,
    as_json: bool,
) -> None:
    """Print entries in aligned columns, whose cells may be styled, or else as JSON; `empty` if there are none."""
    if as_json:
        print_json(entries)
        return
    if not entries:
        click.echo(empty)
        return
    rows = [[muted(name) for name in columns], *([cell(one) for cell in columns.values()] for one in entries)]
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def facts(values: Mapping[str, object]) -> None:
    """Print the values of an object, as `--json` names them, in aligned lines. Empty ones are left out."""
    width = max(map(len, values))
    for name, value in values.items():
        if text := _in_words(value):
            click.echo(f"  {muted(name.replace('_', ' ').capitalize().ljust(width))}  {text}")


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return stamp(value)
    return "" if value is None else str(value)


def print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
