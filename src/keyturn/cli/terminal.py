"""Formats the output of commands: aligned lines, and a few colours.

It has no colours if it is piped, or with NO_COLOR.
"""

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


class CommandRefused(KeyturnError):
    """A command does not do what it was asked to do. The text says why."""


_COMMAND = re.compile(r"`[^`]*`|--\w+ \S+")
_CONTROLS = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def wants_no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))  # https://no-color.org


accent, warning, error = (partial(click.style, fg=colour) for colour in ("green", "yellow", "red"))
muted, strong = partial(click.style, dim=True), partial(click.style, bold=True)


def harmless(text: str) -> str:
    """Return a text in which control characters are replaced; its length stays the same.

    They could control the terminal (CWE-150), or change the direction of text (CVE-2021-42574).
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def wrap(text: str, indent: str) -> str:
    """Return a text in lines that fit the terminal.

    `indent`: begins each line but the first. A command stays on one line.
    """
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - len(indent), 30)
    whole = _COMMAND.sub(lambda one: one[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{indent}".join(lines).replace("\0", " ")


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ready() -> str:
    """Return "ready in 0.6 s" for a greeting.

    It is only "ready" where the system does not tell when a process started (proc(5)).
    """
    if not sys.platform.startswith("linux"):
        return "ready"
    fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return f"ready in {time.clock_gettime(time.CLOCK_BOOTTIME) - started:.1f} s"


def fail(*lines: str) -> NoReturn:
    click.echo(
        "\n".join([error("keyturn: ") + lines[0], *lines[1:]]),
        err=True,
        color=not wants_no_colour() and None,
    )
    sys.exit(1)


# Functions that return a cell, perhaps styled, by the heads of the columns.
Columns = Mapping[str, Callable[[Mapping[str, Any]], str]]


def listing(
    entries: Sequence[Mapping[str, Any]], columns: Columns, empty: str, *, as_json: bool
) -> None:
    """Print entries in aligned columns, or as JSON. `empty`: the sentence if there are none."""
    if as_json:
        print_json(entries)
        return
    if not entries:
        click.echo(empty)
        return
    shown = [
        {name: harmless(at) if isinstance(at, str) else at for name, at in one.items()}
        for one in entries
    ]
    rows = [
        [muted(name) for name in columns],
        *([cell(one) for cell in columns.values()] for one in shown),
    ]
    widths = [
        max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)
    ]
    for row in rows:
        padded = (
            cell + " " * (width - len(click.unstyle(cell)))
            for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def facts(values: Mapping[str, object]) -> None:
    """Print the values of an object in aligned lines, under the names of `--json`.

    Empty values are left out.
    """
    width, words = max(map(len, values)), {True: "yes", False: "no", None: ""}
    for name, value in values.items():
        if isinstance(value, bool | None):
            text = words[value]
        else:
            text = stamp(value) if isinstance(value, datetime) else harmless(str(value))
        if text:
            click.echo(f"  {muted(name.replace('_', ' ').capitalize().ljust(width))}  {text}")


def print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
