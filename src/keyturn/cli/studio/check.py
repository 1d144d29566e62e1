"""check, render: report problems in the emails, in a terminal or in CI, and write one to standard
output.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from keyturn.cli.studio import folders
from keyturn.cli.studio.folders import shown_path
from keyturn.cli.terminal import (
    accent,
    counted,
    error,
    fail,
    harmless,
    muted,
    print_json,
    strong,
    warning,
    wrap,
)

if TYPE_CHECKING:
    from keyturn.studio.gallery import Gallery, MailName
    from keyturn.studio.lint.finding import Finding, Place
    from keyturn.studio.lint.report import Report

_FORMATS = click.Choice(["text", "json", "github", "sarif"])
_PARTS = click.Choice(["html", "text", "mjml", "json"])
_SEVERITIES = click.Choice(["error", "warning", "note", "never"])
_AROUND = 1  # lines before and after the place of a finding
_WIDTH = 110  # characters of a template's line that are shown
_MOST_LINES = 5  # lines with further places of equal findings
_MOST_NAMED = 3  # mails that are named of those that were not checked
_EXCEEDED = {"time": "takes too much time", "memory": "takes too much memory", "crash": "crashed"}
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
    width = _WIDTH
    if sys.stdout.isatty():
        width = min(_WIDTH, shutil.get_terminal_size().columns - digits - 7)
    start = 0
    if line <= len(lines) and len(lines[line - 1]) > width:
        start = max(0, place.column - width // 2)
    for number, text in enumerate(lines[first - 1 : line + _AROUND], first):
        if number != line:
            yield muted(f"    {number:>{digits}} | {harmless(text[:width])}".rstrip())
            continue
        shown = harmless(text[start : start + width])
        yield f"  {accent('>')} {number:>{digits}} | {shown}".rstrip()
        before = shown[: place.column - 1 - start]
        blanks = "".join("\t" if character == "\t" else " " for character in before)
        yield muted(f"    {'':>{digits}} | {blanks}") + accent("^")


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `keyturn check`, by click's names."""

    output: str
    only: tuple[str, ...]
    explain: str | None
    groups: tuple[str, ...]
    fail_on: str
    only_changed: bool
    base: str
    write_baseline: bool
    jobs: int | None
    no_cache: bool


_HELP = """Check emails: MJML, clients, links, accessibility, safety.

DIRECTORY is a folder of Jinja templates in MJML or HTML; without it, Keyturn checks its own emails.
Each template is checked with every sample and language, and with the sides of an if or of a loop
that its samples miss. A template without samples gets made-up values. The exit code is 1 if there
is an error (see --fail-on).

Groups for --clients: apple, gmail, outlook and yahoo (these are the default), aol, samsung,
thunderbird, germany (GMX, WEB.DE, T-Online, IONOS), france (Orange, SFR, La Poste, Free),
independent (Proton Mail, HEY, Fastmail, RainLoop), rest, and all.

\b
Examples:  keyturn check emails --only mjml --format github
           keyturn check emails --clients outlook,germany
           keyturn check templates/emails --env myshop.mails:environment
           keyturn check emails --only-changed --base origin/main
           keyturn check --explain links/relative

Unchanged templates are not checked again: their findings are in your cache folder. --env and
--django check all templates each time. The templates run in a sandbox, so you can check a branch
that you do not trust. --env, --django and --trust run them without the sandbox.
"""


@click.command(help=_HELP)
@click.option(
    "--format",
    "output",
    type=_FORMATS,
    default="text",
    help="github is for pull requests. Default: text.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    help="Report only this rule or group of rules; can be repeated.",
)
@click.option(
    "--explain",
    metavar="RULE",
    is_flag=False,
    flag_value="",
    help="Explain a rule, or list all, and exit.",
)
@click.option(
    "--clients",
    "groups",
    multiple=True,
    metavar="GROUPS",
    help="The mail clients to check for; see above.",
)
@click.option(
    "--fail-on",
    type=_SEVERITIES,
    default="error",
    help="Exit with 1 from this severity on. Default: error.",
)
@click.option(
    "--only-changed",
    is_flag=True,
    help="Check only mails that changed since --base, according to git.",
)
@click.option(
    "--base",
    metavar="COMMIT",
    default="HEAD",
    help="For --only-changed: compare with it. Default: HEAD.",
)
@click.option(
    "--write-baseline", is_flag=True, help="Write all current findings into the baseline, and exit."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes. Default: one for each core.",
)
@click.option("--no-cache", is_flag=True, help="Check unchanged templates again, too.")
@folders.takes_source()
def check(source: folders.Source, **values: Any) -> None:
    from keyturn.extras import require_studio

    require_studio("keyturn check")
    from keyturn.studio.lint.baseline import Baseline, read_baseline, write_baseline
    from keyturn.studio.lint.explaining import as_text
    from keyturn.studio.lint.suppression import UnknownRule, expect_rules

    options = CheckOptions(**values)
    try:
        expect_rules(options.only)
        if options.explain is not None:
            click.echo(as_text(options.explain))
            return
    except UnknownRule as unknown:
        raise click.UsageError(str(unknown)) from None
    if options.write_baseline and (options.only or options.only_changed):
        fail("--write-baseline writes all findings: remove --only and --only-changed")
    opened = folders.open_folder(source)
    if not opened.gallery.names():
        wanted = "files that end in .mjml or .html, with or without .j2"
        if opened.settings.ignore:
            wanted += f", but for ignore = {list(opened.settings.ignore)}"
        fail(f"{opened.shown} has no templates: {wanted}")
    baseline_file = folders.usual_baseline(opened)
    report = _report(opened, source, options, baseline_file)
    if options.write_baseline:
        baseline = Baseline.of(report)
        write_baseline(baseline_file, baseline)
        click.echo(f"{baseline.count} findings are in the baseline: {shown_path(baseline_file)}")
        return
    if baseline_file.is_file():
        report = read_baseline(baseline_file).without_known(report)
    report = report.with_rules(options.only)
    _write(report, opened.gallery, options)
    has_gaps = options.fail_on != "never" and report.unchecked
    if has_gaps or report.fails(options.fail_on):
        sys.exit(1)


def _report(
    opened: folders.Opened, source: folders.Source, options: CheckOptions, baseline: Path
) -> "Report":
    """Check the mails. Results that involve code are not cached, since its files are unknown."""
    from keyturn.bounded_pool import cores
    from keyturn.studio.lint.checks_in_renderers import ResultCache, check_in_renderers
    from keyturn.studio.lint.clients.clients import UnknownClients
    from keyturn.studio.lint.template_checks import check_gallery, checks_for

    settings = opened.settings
    gallery = opened.gallery
    try:
        checks = checks_for(options.groups or settings.clients, gallery.audits)
    except UnknownClients as unknown:
        fail(f"--clients: {unknown}")
    results = None
    if not options.no_cache and not _involves_code(opened, source):
        depends_on = [
            msgspec.json.encode(settings, enc_hook=str),
            repr((options.groups, source.trust)).encode(),
        ]
        results = ResultCache(gallery.folder, depends_on)
    only = None
    if options.only_changed:
        only = _changed(opened, options.base, baseline)
    return check_gallery(
        gallery,
        checks,
        severity=settings.severity,
        only=only,
        limits=settings.limits,
        each=partial(check_in_renderers, jobs=options.jobs or cores(), results=results),
    )


def _involves_code(opened: folders.Opened, source: folders.Source) -> bool:
    if opened.service or source.environment or source.django:
        return True
    return bool(opened.settings.env or opened.settings.props)


def _changed(opened: folders.Opened, base: str, baseline: Path) -> set[str]:
    from keyturn.studio.lint.changed_mails import LONGEST, changed_mails
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    with closing(renderers_for(opened.gallery, opened.settings.limits, 1)) as renderer:
        try:
            return renderer.run_for(LONGEST, changed_mails, base, opened.settings.file, [baseline])
        except LimitExceeded as exceeded:
            fail(f"--only-changed: the comparison {_EXCEEDED[exceeded.limit]}")


def _write(report: "Report", gallery: "Gallery", options: CheckOptions) -> None:
    """Write the report, and which mails were not checked, beside a report for programs to standard
    error.
    """
    if options.output == "text":
        print_findings(report, gallery, in_full=bool(options.only))
    else:
        text = _for_programs(report, gallery, options.output)
        if text:
            click.echo(text)
    if report.unchecked:
        sentence = error(harmless(_unchecked(report.unchecked)))
        click.echo(sentence, err=options.output != "text")


def _for_programs(report: "Report", gallery: "Gallery", output: str) -> str:
    from keyturn.studio.lint.formats import as_github, as_json, as_sarif

    def shown(file: str) -> str:
        return shown_path(gallery.folders / file)

    if output == "json":
        return as_json(report, shown)
    if output == "sarif":
        return as_sarif(report, shown)
    return as_github(report, shown)


def _unchecked(mails: Sequence["MailName"]) -> str:
    verb = "was" if len(mails) == 1 else "were"
    named = ", ".join(map(str, mails[:_MOST_NAMED]))
    if len(mails) > _MOST_NAMED:
        named += f", and {len(mails) - _MOST_NAMED} more"
    return f"{counted(len(mails), 'mail')} {verb} not checked, or not in full: {named}."


@click.command()
@click.argument("template")
@click.option("--sample", help="The sample. Default: the first.")
@click.option(
    "--lang",
    default="",
    metavar="TAG",
    show_default="en",
    help="The language, such as de or pt-BR.",
)
@click.option(
    "--format", "output", type=_PARTS, default="html", help="json has all parts. Default: html."
)
@folders.takes_source(
    click.option(
        "--dir", "directory", type=click.Path(path_type=Path), help="A folder of your templates."
    )
)
def render(
    template: str, sample: str | None, lang: str, output: str, source: folders.Source
) -> None:
    """Render an email with a sample to standard output.

    \b
    Examples:  keyturn render password_reset --lang de --format text
               keyturn render orders/shipped --dir emails > shipped.html
    """
    opened = folders.open_folder(source)
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.rules import limit_finding
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    gallery = opened.gallery
    if template not in gallery.names():
        names = ", ".join(gallery.names()) or "none"
        fail(f"there is no template {template}; there are {names}")
    if not sample:
        sample = next(iter(gallery.samples(template)), "")
    chosen = gallery.sample(template, sample)
    lang = _language(lang, gallery)
    files = gallery.files(template)
    with closing(renderers_for(gallery, opened.settings.limits, 1)) as runner:
        try:
            rendered = runner.run(Gallery.render, template, files, chosen, lang)
        except LimitExceeded as exceeded:
            finding = limit_finding(exceeded.limit, files.markup)
            fail(f"{template} was not rendered: {finding.message} {finding.fix}")
    if output == "json":
        print_json(rendered)
    elif output == "html":
        sys.stdout.write(rendered.html)
    elif output == "text":
        if not rendered.text:
            fail(f"{template} has no text part")
        sys.stdout.write(rendered.text)
    else:
        if not rendered.mjml:
            fail(f"{template} has no MJML")
        sys.stdout.write(rendered.mjml)


def _language(wanted: str, gallery: "Gallery") -> str:
    """Return the language that was named, else English, else the first."""
    known = gallery.languages.known
    if wanted:
        if wanted not in known:
            fail(f"there is no language {wanted}; there are {', '.join(known)}")
        return wanted
    return "en" if "en" in known else next(iter(known))
