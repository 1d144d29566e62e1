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

from keyturn import __version__
from keyturn.errors import KeyturnError

PORT = click.IntRange(0, 65535)


class CommandRefused(KeyturnError):
    """A command does not do what it was asked to do. The text says why."""


_COMMAND = re.compile(r"`[^`]*`|--\w+ \S+")
_CONTROLS = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


_TITLE = 55  # characters of a title behind the version


def wants_no_colour() -> bool:
    return bool(os.environ.get("NO_COLOR"))  # https://no-color.org


accent = partial(click.style, fg="green")
warning = partial(click.style, fg="yellow")
error = partial(click.style, fg="red")
muted = partial(click.style, dim=True)
strong = partial(click.style, bold=True)


_STATE_COLOURS = {
    "delayed": warning,
    "failed": error,
    "suppressed": error,
    "bounced": error,
    "complained": error,
    "dead": error,
}


def colour_state(state: str) -> str:
    """Return the state of a message, in a colour if it needs a look."""
    colour = _STATE_COLOURS.get(state)
    return colour(state) if colour else state


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
    # For textwrap, a NUL is part of a word.
    joined = _COMMAND.sub(lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(joined, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{indent}".join(lines).replace("\0", " ")


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def counted(count: int, noun: str) -> str:
    """Return such as "1 mail" or "2 mails". The noun's plural ends in s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def title(command: str) -> str:
    """Return the first line of a greeting: the version, the command, and how long it took."""
    name_and_time = command + _ready().rjust(_TITLE - len(command))
    return f"{strong(f'Keyturn {__version__}')}  {name_and_time}"


def _ready() -> str:
    """Return "ready in 0.6 s".

    It is only "ready" where the system does not tell when a process started (proc(5)).
    """
    if not sys.platform.startswith("linux"):
        return "ready"
    # The name of the program is in parentheses, and may itself hold a blank or a parenthesis.
    after_name = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    start_time = int(after_name[19])  # field 22, in clock ticks since the machine started
    started = start_time / os.sysconf("SC_CLK_TCK")
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    return f"ready in {seconds:.1f} s"


def fail(*lines: str) -> NoReturn:
    """Print lines to standard error, the first after the program's name, and exit with 1."""
    text = error("keyturn: ") + "\n".join(lines)
    # None: in colour if it is a terminal.
    click.echo(text, err=True, color=False if wants_no_colour() else None)
    sys.exit(1)


Entry = Mapping[str, Any]
Row = Mapping[str, str]
"""The cells of a line, perhaps styled, under the headings of their columns."""


def listing(
    entries: Sequence[Entry], row_of: Callable[[Entry], Row], empty: str, *, as_json: bool
) -> None:
    """Print entries in aligned columns, or as JSON.

    `row_of`: returns the cells of an entry, whose text no longer has control characters.
    `empty`: the sentence if there are no entries.
    """
    if as_json:
        print_json(entries)
        return
    if not entries:
        click.echo(empty)
        return
    rows = [row_of(_harmless_entry(entry)) for entry in entries]
    headings = {name: muted(name) for name in rows[0]}
    lines = [headings, *rows]
    widths = {name: max(_width(line[name]) for line in lines) for name in headings}
    for line in lines:
        padded = [cell + " " * (widths[name] - _width(cell)) for name, cell in line.items()]
        click.echo("  ".join(padded).rstrip())


def _harmless_entry(entry: Entry) -> Entry:
    safe = dict(entry)
    for name, value in entry.items():
        if isinstance(value, str):
            safe[name] = harmless(value)
    return safe


def _width(cell: str) -> int:
    return len(click.unstyle(cell))


def facts(values: Mapping[str, object]) -> None:
    """Print the values of an object in aligned lines, under the names of `--json`.

    Empty values are left out.
    """
    width = max(map(len, values))
    for name, value in values.items():
        text = _shown_fact(value)
        if text:
            label = name.replace("_", " ").capitalize().ljust(width)
            click.echo(f"  {muted(label)}  {text}")


def _shown_fact(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return stamp(value)
    return harmless(str(value))


def print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
