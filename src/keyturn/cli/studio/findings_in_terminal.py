"""Findings as `keyturn check` shows them in a terminal: with the lines of the templates around
them.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from keyturn.cli.studio.folders import shown_path
from keyturn.cli.terminal import accent, counted, error, harmless, muted, strong, warning, wrap

if TYPE_CHECKING:
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.finding import Finding, Place
    from keyturn.studio.lint.report import Report

_AROUND = 1  # lines before and after the place of a finding
_WIDTH = 110  # characters of a template's line that are shown
_MOST_LINES = 5  # lines with further places of equal findings
_COLOURS = {"error": error, "warning": warning, "note": muted}


def print_findings(report: "Report", gallery: "Gallery", *, in_full: bool = False) -> None:
    """Print errors and warnings, then a line for each note; `in_full`, every place and note."""
    from keyturn.studio.lint.report import equal_findings

    notes: list[str] = []
    for equal in equal_findings(report.found):
        if in_full or equal[0].severity != "note":
            lines = _lines_on(equal, gallery, report.mails, in_full=in_full)
            click.echo("\n".join([*lines, ""]))
        else:
            notes += _lines_on_note(equal, gallery)
    if notes:
        notes.append(muted("  (keyturn check --explain RULE says more; --only RULE shows all)"))
        click.echo("\n".join([*notes, ""]))
    click.echo(_tally(report))


def _tally(report: "Report") -> str:
    """Return a sentence with the numbers of findings, of templates and of mails."""
    counts = []
    for severity, count in report.tally.by_severity.items():
        if count:
            counts.append(_COLOURS[severity](counted(count, severity)))
    found = ", ".join(counts) or "No problems"
    text = f"{found} in {counted(report.templates, 'template')}, {counted(report.mails, 'mail')}"
    if report.ignored:
        text += f", {len(report.ignored)} ignored by comments"
    if report.in_baseline:
        text += f", {len(report.in_baseline)} in the baseline"
    return f"{text}."


def _lines_on_note(equal: Sequence["Finding"], gallery: "Gallery") -> Iterator[str]:
    first = equal[0]
    where = _where(gallery, first.place)
    if len(equal) > 1:
        where += f", {len(equal)} places"
    yield f"{muted('note')}  {muted(first.rule)}  {muted(where)}"
    yield f"      {wrap(harmless(first.message), ' ' * 6)}"


def _lines_on(
    equal: Sequence["Finding"], gallery: "Gallery", mails: int, *, in_full: bool
) -> Iterator[str]:
    """Yield the lines on equal findings: the first in full, then up to `_MOST_LINES` with the
    places of others.
    """
    first = equal[0]
    where = strong(_where(gallery, first.place))
    severity = _COLOURS[first.severity](first.severity)
    yield f"{where}  {severity}  {muted(first.rule)}"
    yield f"  {wrap(harmless(first.message), '  ')}"
    yield from _frame(gallery, first.place)
    yield f"  {accent(wrap(harmless(first.fix), '  '))}"
    others = list(_lines_on_others(equal, gallery))
    if in_full:
        yield from others
    else:
        yield from others[:_MOST_LINES]
        if len(others) > _MOST_LINES:
            yield f"  and more; --only {first.rule} shows all"
    extent = _extent(equal, mails)
    if extent:
        yield muted(f"  {harmless(extent)}")


def _lines_on_others(equal: Sequence["Finding"], gallery: "Gallery") -> Iterator[str]:
    """Yield a line for each file and message of all but the first finding, with its places."""
    first, *others = equal
    for (file, message), those in groupby(others, attrgetter("place.file", "message")):
        places = ", ".join(f"{one.place.line_for_tools}:{one.place.column}" for one in those)
        where = harmless(f"{shown_path(gallery.folders / file)}:{places}")
        line = f"  also at {strong(where)}"
        if message != first.message:
            line += f"  {harmless(message)}"
        yield line


def _extent(equal: Sequence["Finding"], mails: int) -> str:
    """Return such as "3 places in 2 of 12 mails"; "" for one place of the only mail."""
    from keyturn.studio.lint.finding import mails_of

    parts = []
    if len(equal) > 1:
        parts.append(f"{len(equal)} places")
    affected = mails_of(equal)
    if mails > 1 and len(affected) == 1:
        parts.append(f"in {affected[0]}")
    elif mails > 1 and affected:
        parts.append(f"in {len(affected)} of {mails} mails")
    return " ".join(parts)


def _where(gallery: "Gallery", place: "Place") -> str:
    path = shown_path(gallery.folders / place.file)
    return harmless(f"{path}:{place.line_for_tools}:{place.column}")


def _frame(gallery: "Gallery", place: "Place") -> Iterator[str]:
    """Yield the lines around a place, with the line marked and its column; a long one is cut around
    it.
    """
    line = place.line_for_tools
    lines = gallery.text(place.file).splitlines()
    first = max(line - _AROUND, 1)
    digits = len(str(line + _AROUND))
    width = _width_of_lines(digits)
    for number, text in enumerate(lines[first - 1 : line + _AROUND], first):
        if number != line:
            yield muted(f"    {number:>{digits}} | {harmless(text[:width])}".rstrip())
            continue
        start = 0
        if len(text) > width:
            start = max(0, place.column - width // 2)
        shown = harmless(text[start : start + width])
        yield f"  {accent('>')} {number:>{digits}} | {shown}".rstrip()
        before = shown[: place.column - 1 - start]
        # A tab stays a tab, so that the mark is under its column.
        blanks = "".join("\t" if character == "\t" else " " for character in before)
        yield muted(f"    {'':>{digits}} | {blanks}") + accent("^")


def _width_of_lines(digits: int) -> int:
    """Return how many characters of a line are shown beside a number with so many digits."""
    if not sys.stdout.isatty():
        return _WIDTH
    return min(_WIDTH, shutil.get_terminal_size().columns - digits - 7)
