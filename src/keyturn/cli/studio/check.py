"""check: reports problems in the emails, in a terminal or in CI."""

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import structs

from keyturn.cli.studio.folders import (
    Opened,
    Source,
    open_folder,
    shown_path,
    takes_source,
    usual_baseline,
    without_templates,
)
from keyturn.cli.terminal import accent, error, fail, harmless, muted, strong, warning, wrap

if TYPE_CHECKING:
    from keyturn.mail.rendering.folders import Folders
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.check import ChecksTemplates
    from keyturn.studio.lint.finding import Finding
    from keyturn.studio.lint.report import Report

# Findings in a terminal: each with its line, equal ones together

_AROUND = 1
_WIDTH = 110
_MOST_LINES = 5
_MOST_NAMED = 3
_COLOURS = {"error": error, "warning": warning, "note": muted}


def print_findings(report: "Report", gallery: "Gallery", *, in_full: bool = False) -> None:
    """Print errors and warnings, then the notes in one line each; `in_full`, print every place and note."""
    from keyturn.studio.lint.report import equal_findings

    most, notes = (None, None) if in_full else (_MOST_LINES, list[str]())
    for equal in equal_findings(report.found):
        if notes is not None and equal[0].severity == "note":
            notes.append(_as_note(equal, gallery.folders))
        else:
            _print_finding(equal, gallery, report.mails, most)
    if notes:
        click.echo("\n".join([*notes, muted("  (keyturn check --explain RULE says more; --only RULE shows all)"), ""]))
    counts = report.tally.by_severity
    listed = ", ".join(_COLOURS[severity](_number(count, severity)) for severity, count in counts.items() if count)
    looked_at = f"{_number(report.templates, 'template')}, {_number(report.mails, 'mail')}"
    not_counted = {"ignored by comments": report.ignored, "in the baseline": report.in_baseline}
    beside = "".join(f", {len(those)} {where}" for where, those in not_counted.items() if those)
    click.echo((f"{listed} in {looked_at}" if listed else f"No problems in {looked_at}") + beside + ".")


def _as_note(equal: Sequence["Finding"], folders: "Folders") -> str:
    finding, place, places = equal[0], equal[0].place, f", {len(equal)} places" if len(equal) > 1 else ""
    where = harmless(f"{typed_path(folders, place.file)}:{place.line_for_tools}:{place.column}")
    message = wrap(harmless(finding.message), " " * 6)
    return f"{muted('note')}  {muted(finding.rule)}  {muted(where + places)}\n      {message}"


def typed_path(folders: "Folders", file: str) -> str:
    """Return a template's path from the working directory, where it is below that."""
    return shown_path(folders / file)


def _print_finding(equal: Sequence["Finding"], gallery: "Gallery", mails: int, most: int | None) -> None:
    """Print equal findings: the first in full, then up to `most` lines with the places of others."""
    from keyturn.studio.lint.report import mails_of

    finding, folders = equal[0], gallery.folders
    place = finding.place
    where = f"{typed_path(folders, place.file)}:{place.line_for_tools}:{place.column}"
    click.echo(f"{strong(harmless(where))}  {_COLOURS[finding.severity](finding.severity)}  {muted(finding.rule)}")
    click.echo(f"  {wrap(harmless(finding.message), '  ')}")
    for line in _frame(gallery, place.file, place.line_for_tools, place.column):
        click.echo(line)
    click.echo(f"  {accent(wrap(harmless(finding.fix), '  '))}")
    others = list(_other_places(equal[1:], finding, folders))
    for line in others[:most]:
        click.echo(f"  also at {line}")
    if most is not None and len(others) > most:
        click.echo(f"  and more; --only {finding.rule} shows all")
    places = f"{len(equal)} places" if len(equal) > 1 else ""
    if (having := mails_of(equal)) and mails > 1:
        places += f" in {having[0] if len(having) == 1 else f'{len(having)} of {mails} mails'}"
    if places:
        click.echo(muted(f"  {harmless(places.strip())}"))
    click.echo()


def _other_places(equal: Iterable["Finding"], first: "Finding", folders: "Folders") -> Iterator[str]:
    """Yield a line for each file and message: "emails/b.mjml:3:4, 9:1". The message of the first is not repeated."""
    for (file, text), those in groupby(equal, lambda one: (one.place.file, one.message)):
        at = ", ".join(f"{one.place.line_for_tools}:{one.place.column}" for one in those)
        message = f"  {harmless(text)}" if text != first.message else ""
        yield strong(harmless(f"{typed_path(folders, file)}:{at}")) + message


def _frame(gallery: "Gallery", file: str, line: int, column: int) -> list[str]:
    """Return the lines around a place, with the line marked and its column. Long lines are cut around the column."""
    lines = gallery.text(file).splitlines()
    first, width = max(line - _AROUND, 1), len(str(line + _AROUND))
    room = min(_WIDTH, shutil.get_terminal_size().columns - width - 7) if sys.stdout.isatty() else _WIDTH
    cut = max(0, column - room // 2) if line <= len(lines) and len(lines[line - 1]) > room else 0
    framed = []
    for number, text in enumerate(lines[first - 1 : line + _AROUND], first):
        shown = harmless(text[cut : cut + room] if number == line else text[:room])
        if number != line:
            framed.append(muted(f"    {number:>{width}} | {shown}".rstrip()))
            continue
        framed.append(f"  {accent('>')} {number:>{width}} | {shown}".rstrip())
        blanks = "".join("\t" if character == "\t" else " " for character in shown[: column - 1 - cut])
        framed.append(muted(f"    {'':>{width}} | {blanks}") + accent("^"))
    return framed


def _number(count: int, of_what: str) -> str:
    return f"{count} {of_what}{'' if count == 1 else 's'}"


def _known_rules(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    from keyturn.studio.lint.suppression import UnknownRule, expect_rules

    try:
        expect_rules(names)
    except UnknownRule as unknown:
        raise click.BadParameter(str(unknown)) from None
    return names


def _explain(context: click.Context, _: click.Parameter, rule: str | None) -> None:
    from keyturn.packaging import require_studio

    if context.resilient_parsing:
        return
    require_studio("keyturn check")  # here, since this option is looked at first, and others read the rules
    if rule is None:
        return
    from keyturn.studio.lint.explaining import as_text
    from keyturn.studio.lint.suppression import UnknownRule

    try:
        click.echo(as_text(rule))
    except UnknownRule as unknown:
        raise click.BadParameter(str(unknown)) from None
    context.exit()


_HELP = """Check emails: MJML, clients, links, accessibility, safety.

DIRECTORY is a folder of Jinja templates in MJML or HTML. Samples are in NAME.samples.toml or
samples/NAME.toml, for example. A template without samples gets made-up values. Without DIRECTORY, Keyturn checks its
own emails.

Each template is checked with every sample and language. If samples miss a side of an if or of a loop, Keyturn forces
it. The exit code is 1 if there is an error (see --fail-on).

\b
Groups for --clients (default: apple, gmail, outlook and yahoo):
  apple        Mail on macOS and iOS
  gmail        on the web, iOS and Android
  outlook      on Windows (Word's engine), macOS, the web, iOS and Android
  yahoo, aol   on the web, iOS and Android
  samsung      Samsung Email
  thunderbird  on macOS and Windows
  germany      GMX, WEB.DE, T-Online, IONOS
  france       Orange, SFR, La Poste, Free
  independent  Proton Mail, HEY, Fastmail, RainLoop
  rest         Gmail on the mobile web, Windows Mail, Mail.ru, WP Poczta
  all          all of these

\b
Examples:  keyturn check
           keyturn check emails --only mjml --format github
           keyturn check emails --clients outlook,germany
           keyturn check templates/emails --env myshop.mails:environment
           keyturn check --django mysite.settings
           keyturn check emails --write-baseline
           keyturn check emails --only-changed --base origin/main
           keyturn check --explain links/relative

Unchanged templates are not checked again: their findings are in your cache folder. --env and --django check all
templates each time. A mail that takes too much time or memory gets a finding (limit_seconds, limit_megabytes).

The templates run in a sandbox, so you can check a branch that you do not trust. --env, --django and --trust run them
without the sandbox.
"""


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a check, besides those that name the templates and the report."""

    groups: tuple[str, ...]
    only_changed: bool
    base: str
    baseline: Path | None
    write_baseline: bool
    jobs: int | None
    no_cache: bool
    samples_only: bool


@click.command(help=_HELP)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="github annotates pull requests, sarif is for code scanning.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    callback=_known_rules,
    help="Report only this rule or group of rules; can be repeated.",
)
@click.option(
    "--explain",
    metavar="RULE",
    is_flag=False,
    flag_value="",
    expose_value=False,
    is_eager=True,
    callback=_explain,
    help="Explain a rule, and exit. Without RULE, list all rules.",
)
@click.option("--clients", "groups", multiple=True, metavar="GROUPS", help="The mail clients to check for; see above.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="error",
    show_default=True,
    help="Exit with 1 if a finding is at least this severe.",
)
@click.option("--only-changed", is_flag=True, help="Check only mails that changed since --base, according to git.")
@click.option(
    "--base",
    metavar="COMMIT",
    default="HEAD",
    show_default=True,
    help="With --only-changed: the branch or commit to compare with.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of known findings, which are not reported. Default: keyturn-baseline.json in the folder.",
)
@click.option("--write-baseline", is_flag=True, help="Write all current findings into the baseline, and exit.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="The number of processes. Default: one for each core."
)
@click.option("--no-cache", is_flag=True, help="Check unchanged templates again, too.")
@click.option(
    "--samples-only",
    is_flag=True,
    help="Use only the written samples: do not force the branches that they leave out.",
)
@takes_source()
def check(source: Source, output: str, only: tuple[str, ...], fail_on: str, **values: Any) -> None:
    options = _Options(**values)
    if options.write_baseline and (only or options.only_changed):
        fail("--write-baseline writes all findings: remove --only and --only-changed")
    opened = open_folder(source)
    if options.samples_only:
        opened = structs.replace(opened, gallery=replace(opened.gallery, finds_branches=False))
    if not opened.gallery.names():
        fail(without_templates(opened))
    known = options.baseline or usual_baseline(opened)
    changed = _changed(opened, options.base, known) if options.only_changed else None
    is_cached = not (options.no_cache or source.environment or source.django)
    each = _in_workers(opened, options, cached=is_cached)
    report = _check(opened, options.groups, changed, each)
    if options.write_baseline:
        _write_baseline(known, report)
        return
    report = _without_known(report, known, asked_for=options.baseline is not None).with_rules(only)
    if output == "text":
        print_findings(report, opened.gallery, in_full=bool(only))
    elif written := _write_report(report, opened, output):
        click.echo(written)
    is_checked = _is_checked(report, aside=output != "text") or fail_on == "never"
    sys.exit(0 if is_checked and not report.fails(fail_on) else 1)


def _is_checked(report: "Report", *, aside: bool) -> bool:
    """Say which mails were not checked, after the report or, `aside`, to standard error. Return whether all were."""
    if unchecked := report.unchecked:
        more = len(unchecked) - _MOST_NAMED
        named = ", ".join(map(str, unchecked[:_MOST_NAMED])) + (f", and {more} more" if more > 0 else "")
        were = f"{_number(len(unchecked), 'mail')} {'was' if len(unchecked) == 1 else 'were'}"
        click.echo(error(harmless(f"{were} not checked, or not in full: {named}.")), err=aside)
    return not unchecked


def _changed(opened: Opened, base: str, baseline: Path) -> set[str]:
    from keyturn.studio.lint.changed_mails import LONGEST, changed_mails
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    with closing(renderers_for(opened.gallery, opened.settings.limits, 1)) as renderer:
        try:
            return renderer.run_for(LONGEST, changed_mails, base, opened.settings.file, [baseline])
        except LimitExceeded as exceeded:
            fail(f"--only-changed: the comparison was stopped: {exceeded.limit}")


def _in_workers(opened: Opened, options: _Options, *, cached: bool) -> "ChecksTemplates":
    """Return the workers that check templates. Results that involve code are not cached: its files are unknown."""
    from keyturn.service.reset.bounded_pool import cores
    from keyturn.studio.lint.checks_in_renderers import ResultCache, check_in_renderers

    jobs, settings, gallery = options.jobs or cores(), opened.settings, opened.gallery
    if opened.service or not cached or settings.env or settings.props:
        return partial(check_in_renderers, jobs=jobs)
    environment = type(gallery.templates.environment(gallery.languages.choose(""))).__name__
    depends_on = [
        msgspec.json.encode(settings, enc_hook=str),
        repr((options.groups, gallery.finds_branches)).encode(),
        environment.encode(),
    ]
    return partial(check_in_renderers, jobs=jobs, results=ResultCache(gallery.folder, depends_on))


def _check(
    opened: Opened,
    groups: tuple[str, ...],
    only: set[str] | None,
    each: "ChecksTemplates",
) -> "Report":
    from keyturn.studio.lint.check import check
    from keyturn.studio.lint.checks import checks_for
    from keyturn.studio.lint.clients.clients import UnknownClients

    settings = opened.settings
    try:
        checks = checks_for(groups or settings.clients, opened.gallery.audits)
    except UnknownClients as unknown:
        fail(f"--clients: {unknown}")
    return check(opened.gallery, checks, severity=settings.severity, only=only, limits=settings.limits, each=each)


def _write_baseline(file: Path, report: "Report") -> None:
    from keyturn.studio.lint.baseline import Baseline, write_baseline

    baseline = Baseline.of(report)
    write_baseline(file, baseline)
    click.echo(f"{baseline.count} findings are in the baseline: {shown_path(file)}")


def _without_known(report: "Report", file: Path, *, asked_for: bool) -> "Report":
    from keyturn.studio.lint.baseline import read_baseline

    if not asked_for and not file.is_file():
        return report
    return read_baseline(file).without_known(report)


def _write_report(report: "Report", opened: Opened, output: str) -> str:
    from keyturn.studio.lint import formats

    def shown(file: str) -> str:
        return typed_path(opened.gallery.folders, file)

    write = {"json": formats.as_json, "github": formats.as_github, "sarif": formats.as_sarif}[output]
    return write(report, shown)
