"""Findings in a terminal: each with the line it is about, and equal ones together."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.terminal import accent, error, muted, strong, warning

if TYPE_CHECKING:
    from keyturn.emails.gallery import Gallery
    from keyturn.emails.gallery.branches.report import FolderCoverage
    from keyturn.emails.lint.examination import Examination, MailFinding
    from keyturn.mail.rendering.folders import Folders

_AROUND = 1
_WIDTH = 110
_MOST_BRANCHES = 8
_MOST_NAMED = 3
_INSTEAD = {
    "Handlebars": "Compile them to HTML, and check that folder.",
    "Liquid": "Have them in a folder of their own, or say --liquid where all in it are Liquid.",
}
"""What to do with templates that lie among those of another engine."""

_COLOURS = {"error": error, "warning": warning, "note": muted}


def print_findings(examination: "Examination", gallery: "Gallery", *, with_coverage: bool = True) -> None:
    from keyturn.emails.lint.examination import equal_findings

    for equal in equal_findings(examination.found):
        _print_finding(equal, gallery, examination.mails)
    if with_coverage and examination.coverage and examination.coverage.total.branches:
        _print_coverage(examination.coverage, gallery.folders)
    counts = examination.tally.by_severity
    listed = ", ".join(_COLOURS[severity](_number(count, severity)) for severity, count in counts.items() if count)
    looked_at = f"{_number(examination.templates, 'template')}, {_number(examination.mails, 'mail')}"
    kept = {"ignored by comments": len(examination.ignored), "in the baseline": len(examination.in_baseline)}
    beside = "".join(f", {count} {where}" for where, count in kept.items() if count)
    click.echo((f"{listed} in {looked_at}" if listed else f"Nothing to mend in {looked_at}") + beside + ".")


def _print_coverage(of_folders: "FolderCoverage", folders: "Folders") -> None:
    """Print how many branches are drawn, in all and in each folder, and the first that never are."""
    coverage = of_folders.total
    alone = f", {coverage.by_samples} by your samples alone" if coverage.by_samples < coverage.drawn else ""
    if coverage.is_guessed and coverage.drawn:
        alone = ", all with values that are made up: there are no samples"
    click.echo(f"{coverage.drawn} of {_number(coverage.branches, 'branch', 'branches')} drawn{alone}.")
    if len(of_folders.folders) > 1:
        each = (f"{name or '.'}/ {one.drawn} of {one.branches}" for name, one in of_folders.folders.items())
        click.echo(muted(f"  {', '.join(each)}"))
    for one in coverage.never_drawn[:_MOST_BRANCHES]:
        where = one.lines.replace(one.file, typed_path(folders, one.file), 1)
        click.echo(muted(f"  never drawn: {where}  {one.name}. {one.reason}"))
    if (left := len(coverage.never_drawn) - _MOST_BRANCHES) > 0:
        click.echo(muted(f"  and {left} more: --format json lists all"))
    click.echo()


def print_passed_over(gallery: "Gallery") -> None:
    """Say to standard error which templates another engine would have to draw: no report is about them."""
    from keyturn.emails.engines.choosing import passed_over

    files: dict[str, list[str]] = {}
    for file, engine in passed_over(gallery):
        files.setdefault(engine, []).append(file)
    for engine, those in files.items():
        named = ", ".join(those[:_MOST_NAMED]) + (f" and {left} more" if (left := len(those) - _MOST_NAMED) > 0 else "")
        said = f"Not checked: {_number(len(those), 'template')} of {engine}, {named}. {_INSTEAD[engine]}"
        click.echo(warning(said), err=True)


def typed_path(folders: "Folders", file: str) -> str:
    """Return a template's path from the working directory, where it is below that."""
    return shown_path(folders / file)


def shown_path(path: Path) -> str:
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else os.fspath(path)


def _print_finding(equal: Sequence["MailFinding"], gallery: "Gallery", mails: int) -> None:
    from keyturn.emails.lint.examination import mails_of

    finding, folders = equal[0].finding, gallery.folders
    place = finding.place
    where = f"{typed_path(folders, place.file)}:{place.line}:{place.column}"
    click.echo(f"{strong(where)}  {_COLOURS[finding.severity](finding.severity)}  {muted(finding.rule)}")
    at_widths = f" At {', '.join(map(str, finding.widths))} px." if finding.widths else ""
    click.echo(f"  {finding.message}{at_widths}")
    for line in _frame(gallery, place.file, place.line, place.column):
        click.echo(line)
    click.echo(f"  {accent(finding.fix)}")
    for places in _other_places(equal[1:], folders):
        click.echo(f"  also at {strong(places)}")
    having = mails_of(equal)
    if mails > 1 and having:
        occurs = having[0] if len(having) == 1 else f"{len(having)} of {mails} mails"
        click.echo(muted(f"  in {occurs}"))
    click.echo()


def _other_places(found: Iterable["MailFinding"], folders: "Folders") -> Iterator[str]:
    """Yield the places, a line for each file: "emails/b.mjml:3:4, 9:1"."""
    for file, places in groupby((one.finding.place for one in found), lambda place: place.file):
        yield f"{typed_path(folders, file)}:{', '.join(f'{place.line}:{place.column}' for place in places)}"


def _frame(gallery: "Gallery", file: str, line: int, column: int) -> list[str]:
    """Return the lines around a place, the line itself marked, and its column. Long lines are cut around that."""
    try:
        lines = gallery.source(file).splitlines()
    except OSError:
        return []
    first, width = max(line - _AROUND, 1), len(str(line + _AROUND))
    cut = max(0, column - _WIDTH // 2) if line <= len(lines) and len(lines[line - 1]) > _WIDTH else 0
    framed = []
    for number, text in enumerate(lines[first - 1 : line + _AROUND], first):
        shown = text[cut : cut + _WIDTH] if number == line else text[:_WIDTH]
        if number != line:
            framed.append(muted(f"    {number:>{width}} | {shown}".rstrip()))
            continue
        framed.append(f"  {accent('>')} {number:>{width}} | {shown}".rstrip())
        blanks = "".join("\t" if character == "\t" else " " for character in shown[: column - 1 - cut])
        framed.append(muted(f"    {'':>{width}} | {blanks}") + accent("^"))
    return framed


def _number(count: int, of_what: str, several: str = "") -> str:
    return f"{count} {of_what if count == 1 else several or f'{of_what}s'}"
