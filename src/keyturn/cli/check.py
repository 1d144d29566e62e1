"""check: what is wrong with the emails, in a terminal or in CI."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.terminal import accent, error, fail, muted, strong, warning

if TYPE_CHECKING:
    from jinja2 import Environment

    from keyturn.lint.collection import Collection
    from keyturn.lint.examining import Examination, Found

_AROUND = 1
_WIDTH = 110
_COLOURS = {"error": error, "warning": warning, "note": muted}


@click.command()
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--format", "output", type=click.Choice(["text", "json", "github", "sarif"]), default="text", show_default=True,
    help="github annotates pull requests; sarif is for code scanning.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="RULE", help="Only this rule, or group of rules; can be repeated.")
@click.option(
    "--env", "environment", metavar="MODULE:NAME", help="Your own Jinja environment, for a DIRECTORY of yours."
)
def check(directory: Path | None, output: str, only: tuple[str, ...], environment: str | None) -> None:
    """Check every email with every sample: MJML, clients, links, accessibility, safety.

    DIRECTORY holds templates as NAME/NAME.mjml, with samples in NAME/samples.toml; without it, the emails that
    Keyturn sends are checked. Ends with 1 where there is an error.

    \b
    Examples:  keyturn check
               keyturn check emails --only mjml --format github
    """
    from keyturn.lint import reports  # noqa: PLC0415
    from keyturn.lint.examining import examine  # noqa: PLC0415

    collection = _folder_of(directory, environment) if directory else _our_own()
    if not collection.names():
        fail(f"{directory} holds no templates; they are looked for as NAME/NAME.mjml")
    folder = collection.templates.folder
    examination = examine(collection).only(only)
    if output == "text":
        _print(examination, folder)
    else:
        write = {"json": reports.as_json, "github": reports.as_github, "sarif": reports.as_sarif}[output]
        if written := write(examination, lambda file: _shown(folder, file)):
            click.echo(written)
    sys.exit(1 if examination.count("error") else 0)


def _our_own() -> "Collection":
    from keyturn.lint.collection import Collection  # noqa: PLC0415
    from keyturn.parts import Parts  # noqa: PLC0415
    from keyturn.reset.emails import EMAILS  # noqa: PLC0415
    from keyturn.settings import read_settings  # noqa: PLC0415

    parts = Parts(read_settings(sending=False))
    return Collection(templates=parts.templates, languages=tuple(parts.languages.known.values()), props=EMAILS)


def _folder_of(directory: Path, environment: str | None) -> "Collection":
    from keyturn.languages import Languages  # noqa: PLC0415
    from keyturn.lint.collection import Collection  # noqa: PLC0415
    from keyturn.mail.palette import Palette  # noqa: PLC0415
    from keyturn.mail.render import Templates  # noqa: PLC0415

    return Collection(
        templates=Templates(directory.resolve(), {}, Palette()),
        languages=(Languages("UTC").choose(""),),
        environment=_imported(environment) if environment else None,
    )


def _imported(name: str) -> "Environment":
    """Return the environment that `package.module:name` names; it is found from the working directory, too."""
    from jinja2 import Environment  # noqa: PLC0415

    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as missing:
        fail(f"--env {name}: {missing}; it is written as package.module:name")
    if not isinstance(found, Environment):
        fail(f"--env {name} is no Jinja environment, it is of type {type(found).__name__}")
    return found


def _print(examination: "Examination", folder: Path) -> None:
    for found in examination.found:
        _print_finding(found, folder, examination.mails)
    counts = [(examination.count(severity), severity) for severity in _COLOURS]
    listed = ", ".join(_COLOURS[severity](_number(count, severity)) for count, severity in counts if count)
    looked_at = f"{_number(examination.templates, 'template')}, {_number(examination.mails, 'mail')}"
    click.echo(f"{listed} in {looked_at}." if listed else f"Nothing to mend in {looked_at}.")


def _print_finding(found: "Found", folder: Path, mails: int) -> None:
    finding = found.finding
    place = finding.place
    where = f"{_shown(folder, place.file)}:{place.line}:{place.column}"
    click.echo(f"{strong(where)}  {_COLOURS[finding.severity](finding.severity)}  {muted(finding.rule)}")
    click.echo(f"  {finding.message}")
    for line in _frame(folder / place.file, place.line, place.column):
        click.echo(line)
    click.echo(f"  {accent(finding.way_out)}")
    if mails > 1:
        occurs = found.mails[0] if len(found.mails) == 1 else f"{len(found.mails)} of {mails} mails"
        click.echo(muted(f"  in {occurs}"))
    click.echo()


def _frame(file: Path, line: int, column: int) -> list[str]:
    """Return the lines around a place, the line itself marked, and its column. Long lines are cut around that."""
    if not file.is_file():
        return []
    lines = file.read_text("utf-8", errors="replace").splitlines()
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


def _shown(folder: Path, file: str) -> str:
    """Return a template's path from the working directory, where it is below that."""
    path = folder / file
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else os.fspath(path)


def _number(count: int, of_what: str) -> str:
    return f"{count} {of_what}{'' if count == 1 else 's'}"
