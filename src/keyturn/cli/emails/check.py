"""check: what is wrong with the emails, in a terminal or in CI."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.emails.folders import DIRECTORY, ENVIRONMENT, TRUST, open_folder, without_templates
from keyturn.cli.terminal import accent, error, fail, muted, strong, warning

if TYPE_CHECKING:
    from keyturn.emails.lint.clients.clients import Clients
    from keyturn.emails.lint.examination import Examination, Found
    from keyturn.mail.rendering.folders import Folders

_AROUND = 1
_WIDTH = 110
_COLOURS = {"error": error, "warning": warning, "note": muted}


def _known_rules(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    from keyturn.emails.lint.rules import UnknownRule, expect_rules  # noqa: PLC0415

    try:
        expect_rules(names)
    except UnknownRule as unknown:
        raise click.BadParameter(str(unknown)) from None
    return names


@click.command()
@DIRECTORY
@click.option(
    "--format", "output", type=click.Choice(["text", "json", "github", "sarif"]), default="text", show_default=True,
    help="github annotates pull requests; sarif is for code scanning.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="RULE", callback=_known_rules,
    help="Only this rule, or group of rules; can be repeated.",
)  # fmt: skip
@click.option("--clients", "groups", multiple=True, metavar="GROUPS", help="The mail clients that count; see above.")
@ENVIRONMENT
@TRUST
def check(
    directory: Path | None, output: str, only: tuple[str, ...], groups: tuple[str, ...], environment: str, trust: bool
) -> None:
    """Check every email with every sample: MJML, clients, links, accessibility, safety.

    DIRECTORY is any folder of Jinja templates in MJML or HTML, each with its samples, as in NAME.samples.toml or
    samples/NAME.yaml; without samples, values are made up and no name is a mistake. Without DIRECTORY, the emails that
    Keyturn sends are checked. Ends with 1 where there is an error.

    \b
    Groups of clients, for --clients apple,gmail (apple, gmail, outlook and yahoo if you do not say):
      apple        Mail on macOS and iOS
      gmail        on the web, iOS and Android
      outlook      for Windows (the one that draws with Word), macOS, Outlook.com, iOS, Android
      yahoo, aol   on the web, iOS and Android
      samsung      Samsung Email
      thunderbird  on macOS and Windows
      germany      GMX, WEB.DE, T-Online, IONOS
      france       Orange, SFR, La Poste, Free
      independent  Proton Mail, HEY, Fastmail, RainLoop
      rest         Gmail on the mobile web, Windows Mail, Mail.ru, WP Poczta
      all          every one

    \b
    Examples:  keyturn check
               keyturn check emails --only mjml --format github
               keyturn check emails --clients outlook,germany
               keyturn check templates/emails --env myshop.mails:environment

    The templates are drawn in a sandbox, so that somebody's branch can be checked, unless --env or --trust says that
    they are yours.
    """
    from keyturn.emails.lint import reports  # noqa: PLC0415
    from keyturn.emails.lint.checks import checks_for  # noqa: PLC0415
    from keyturn.emails.lint.clients.clients import Clients  # noqa: PLC0415
    from keyturn.emails.lint.examination import examine  # noqa: PLC0415

    opened = open_folder(directory, environment, trust=trust)
    if not opened.gallery.names():
        fail(*without_templates(opened))
    folders = opened.gallery.folders
    chosen = _clients_named(groups) if groups else Clients.from_names(opened.settings.clients)
    examination = examine(opened.gallery, checks_for(chosen)).with_rules(only)
    if output == "text":
        _print(examination, folders)
    else:
        write = {"json": reports.as_json, "github": reports.as_github, "sarif": reports.as_sarif}[output]
        if written := write(examination, lambda file: _typed_path(folders, file)):
            click.echo(written)
    sys.exit(1 if examination.count("error") else 0)


def _clients_named(groups: tuple[str, ...]) -> "Clients":
    from keyturn.emails.lint.clients.clients import Clients, UnknownClients  # noqa: PLC0415

    try:
        return Clients.from_names(groups)
    except UnknownClients as unknown:
        fail(f"--clients: {unknown}")


def _print(examination: "Examination", folders: "Folders") -> None:
    for found in examination.found:
        _print_finding(found, folders, examination.mails)
    counts = [(examination.count(severity), severity) for severity in _COLOURS]
    listed = ", ".join(_COLOURS[severity](_number(count, severity)) for count, severity in counts if count)
    looked_at = f"{_number(examination.templates, 'template')}, {_number(examination.mails, 'mail')}"
    click.echo(f"{listed} in {looked_at}." if listed else f"Nothing to mend in {looked_at}.")


def _print_finding(found: "Found", folders: "Folders", mails: int) -> None:
    finding = found.finding
    place = finding.place
    where = f"{_typed_path(folders, place.file)}:{place.line}:{place.column}"
    click.echo(f"{strong(where)}  {_COLOURS[finding.severity](finding.severity)}  {muted(finding.rule)}")
    click.echo(f"  {finding.message}")
    for line in _frame(folders / place.file, place.line, place.column):
        click.echo(line)
    click.echo(f"  {accent(finding.fix)}")
    if mails > 1 and found.mails:
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


def _typed_path(folders: "Folders", file: str) -> str:
    """Return a template's path from the working directory, where it is below that."""
    path = folders / file
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else os.fspath(path)


def _number(count: int, of_what: str) -> str:
    return f"{count} {of_what}{'' if count == 1 else 's'}"
