"""check, render: report problems in the emails, in a terminal or in CI, and write one to standard
output.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import msgspec

from keyturn.cli.studio import folders
from keyturn.cli.studio.folders import shown_path
from keyturn.cli.terminal import accent, error, fail, harmless, muted, strong, warning, wrap

if TYPE_CHECKING:
    from keyturn.studio.gallery import Gallery
    from keyturn.studio.lint.finding import Finding, Place
    from keyturn.studio.lint.report import Report

_FORMATS = click.Choice(["text", "json", "github", "sarif"])
_PARTS = click.Choice(["html", "text", "mjml", "json"])
_SEVERITIES = click.Choice(["error", "warning", "note", "never"])
_AROUND = 1
_WIDTH = 110
_MOST_LINES = 5
_MOST_NAMED = 3
_EXCEEDED = {"time": "takes too much time", "memory": "takes too much memory", "crash": "crashed"}
_COLOURS = {"error": error, "warning": warning, "note": muted}


def print_findings(report: "Report", gallery: "Gallery", *, in_full: bool = False) -> None:
    """Print errors and warnings, then a line for each note; `in_full`, every place and note."""
    from keyturn.studio.lint.report import equal_findings

    notes = []
    for equal in equal_findings(report.found):
        if in_full or equal[0].severity != "note":
            click.echo("\n".join((*_lines_on(equal, gallery, report.mails, in_full=in_full), "")))
        else:
            where = _where(gallery, equal[0].place) + (
                f", {len(equal)} places" if len(equal) > 1 else ""
            )
            notes.append(f"{muted('note')}  {muted(equal[0].rule)}  {muted(where)}")
            notes.append(f"      {wrap(harmless(equal[0].message), ' ' * 6)}")
    if notes:
        click.echo(
            "\n".join(
                [
                    *notes,
                    muted("  (keyturn check --explain RULE says more; --only RULE shows all)"),
                    "",
                ]
            )
        )
    counts = {name: count for name, count in report.tally.by_severity.items() if count}
    listed = ", ".join(
        _COLOURS[severity](_number(count, severity)) for severity, count in counts.items()
    )
    not_counted = {"ignored by comments": report.ignored, "in the baseline": report.in_baseline}
    beside = "".join(f", {len(those)} {where}" for where, those in not_counted.items() if those)
    looked_at = f"{_number(report.templates, 'template')}, {_number(report.mails, 'mail')}"
    click.echo(f"{listed or 'No problems'} in {looked_at}{beside}.")


def _lines_on(
    equal: Sequence["Finding"], gallery: "Gallery", mails: int, *, in_full: bool
) -> Iterator[str]:
    """Yield the lines on equal findings: the first in full, then up to `_MOST_LINES` with the
    places of others.
    """
    from keyturn.studio.lint.finding import mails_of

    first = equal[0]
    yield (
        f"{strong(_where(gallery, first.place))}  {_COLOURS[first.severity](first.severity)}  "
        f"{muted(first.rule)}"
    )
    yield f"  {wrap(harmless(first.message), '  ')}"
    yield from _frame(gallery, first.place)
    yield f"  {accent(wrap(harmless(first.fix), '  '))}"
    others = []
    for (file, text), those in groupby(equal[1:], lambda one: (one.place.file, one.message)):
        at = ", ".join(f"{one.place.line_for_tools}:{one.place.column}" for one in those)
        message = f"  {harmless(text)}" if text != first.message else ""
        others.append(
            f"  also at {strong(harmless(f'{shown_path(gallery.folders / file)}:{at}'))}{message}"
        )
    yield from others if in_full else others[:_MOST_LINES]
    if not in_full and len(others) > _MOST_LINES:
        yield f"  and more; --only {first.rule} shows all"
    places = [f"{len(equal)} places"] if len(equal) > 1 else []
    if (having := mails_of(equal)) and mails > 1:
        places.append(f"in {having[0] if len(having) == 1 else f'{len(having)} of {mails} mails'}")
    if places:
        yield muted(f"  {harmless(' '.join(places))}")


def _where(gallery: "Gallery", place: "Place") -> str:
    return harmless(
        f"{shown_path(gallery.folders / place.file)}:{place.line_for_tools}:{place.column}"
    )


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


def _number(count: int, of_what: str) -> str:
    return f"{count} {of_what}{'' if count == 1 else 's'}"


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

    options = SimpleNamespace(**values)
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
        ignored = f", but for ignore = {[*ignore]}" if (ignore := opened.settings.ignore) else ""
        fail(
            f"{opened.shown} has no templates: files that end in .mjml or .html, with or without "
            f".j2{ignored}"
        )
    known = folders.usual_baseline(opened)
    report = _report(opened, source, options, known)
    if options.write_baseline:
        baseline = Baseline.of(report)
        write_baseline(known, baseline)
        click.echo(f"{baseline.count} findings are in the baseline: {shown_path(known)}")
        return
    report = (read_baseline(known).without_known(report) if known.is_file() else report).with_rules(
        options.only
    )
    _write(report, opened.gallery, options)
    is_checked = options.fail_on == "never" or not report.unchecked
    sys.exit(0 if is_checked and not report.fails(options.fail_on) else 1)


def _report(
    opened: folders.Opened, source: folders.Source, options: SimpleNamespace, baseline: Path
) -> "Report":
    """Check the mails. Results that involve code are not cached, since its files are unknown."""
    from keyturn.bounded_pool import cores
    from keyturn.studio.lint.checks_in_renderers import ResultCache, check_in_renderers
    from keyturn.studio.lint.clients.clients import UnknownClients
    from keyturn.studio.lint.template_checks import check_gallery, checks_for

    settings, gallery = opened.settings, opened.gallery
    try:
        checks = checks_for(options.groups or settings.clients, gallery.audits)
    except UnknownClients as unknown:
        fail(f"--clients: {unknown}")
    runs_code = (
        opened.service or source.environment or source.django or settings.env or settings.props
    )
    depends_on = [
        msgspec.json.encode(settings, enc_hook=str),
        repr((options.groups, source.trust)).encode(),
    ]
    results = None if options.no_cache or runs_code else ResultCache(gallery.folder, depends_on)
    return check_gallery(
        gallery,
        checks,
        severity=settings.severity,
        only=_changed(opened, options.base, baseline) if options.only_changed else None,
        limits=settings.limits,
        each=partial(check_in_renderers, jobs=options.jobs or cores(), results=results),
    )


def _changed(opened: folders.Opened, base: str, baseline: Path) -> set[str]:
    from keyturn.studio.lint.changed_mails import LONGEST, changed_mails
    from keyturn.studio.renderers import LimitExceeded, renderers_for

    with closing(renderers_for(opened.gallery, opened.settings.limits, 1)) as renderer:
        try:
            return renderer.run_for(LONGEST, changed_mails, base, opened.settings.file, [baseline])
        except LimitExceeded as exceeded:
            fail(f"--only-changed: the comparison {_EXCEEDED[exceeded.limit]}")


def _write(report: "Report", gallery: "Gallery", options: SimpleNamespace) -> None:
    """Write the report, and which mails were not checked, beside a report for programs to standard
    error.
    """
    from keyturn.studio.lint import formats

    if options.output == "text":
        print_findings(report, gallery, in_full=bool(options.only))
    elif text := getattr(formats, f"as_{options.output}")(
        report, lambda file: shown_path(gallery.folders / file)
    ):
        click.echo(text)
    if unchecked := report.unchecked:
        named = ", ".join(map(str, unchecked[:_MOST_NAMED]))
        more = f", and {len(unchecked) - _MOST_NAMED} more" if len(unchecked) > _MOST_NAMED else ""
        were = f"{_number(len(unchecked), 'mail')} {'was' if len(unchecked) == 1 else 'were'}"
        click.echo(
            error(harmless(f"{were} not checked, or not in full: {named}{more}.")),
            err=options.output != "text",
        )


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
        fail(f"there is no template {template}; there are {', '.join(gallery.names()) or 'none'}")
    chosen = gallery.sample(template, sample or next(iter(gallery.samples(template)), ""))
    known = gallery.languages.known
    lang = lang or ("en" if "en" in known else next(iter(known)))
    if lang not in known:
        fail(f"there is no language {lang}; there are {', '.join(known)}")
    files = gallery.files(template)
    with closing(renderers_for(gallery, opened.settings.limits, 1)) as runner:
        try:
            rendered = runner.run(Gallery.render, template, files, chosen, lang)
        except LimitExceeded as exceeded:
            finding = limit_finding(exceeded.limit, files.markup)
            fail(f"{template} was not rendered: {finding.message} {finding.fix}")
    if output == "json":
        sys.stdout.write(
            msgspec.json.format(msgspec.json.encode(rendered), indent=2).decode() + "\n"
        )
    elif part := getattr(rendered, output):
        sys.stdout.write(part)
    else:
        fail(f"{template} has no {'text part' if output == 'text' else 'MJML'}")
