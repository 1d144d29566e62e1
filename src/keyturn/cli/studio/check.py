"""check: report problems in the emails, in a terminal or in CI."""

import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from keyturn.cli.studio import folders
from keyturn.cli.studio.findings_in_terminal import print_findings
from keyturn.cli.studio.folders import shown_path
from keyturn.cli.terminal import counted, error, fail, harmless

if TYPE_CHECKING:
    from keyturn.studio.gallery import Gallery, MailName
    from keyturn.studio.lint.report import Report

_FORMATS = click.Choice(["text", "json", "github", "sarif"])
_SEVERITIES = click.Choice(["error", "warning", "note", "never"])
_MOST_NAMED = 3  # mails that are named of those that were not checked
_EXCEEDED = {"time": "takes too much time", "memory": "takes too much memory", "crash": "crashed"}


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
    from keyturn.studio.lint.baseline import read_baseline
    from keyturn.studio.lint.explaining import as_text
    from keyturn.studio.lint.rule_names import UnknownRule, expect_rules

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
    _require_templates(opened)
    baseline_file = folders.usual_baseline(opened)
    report = _report(opened, source, options, baseline_file)
    if options.write_baseline:
        _write_baseline(report, baseline_file)
        return
    if baseline_file.is_file():
        report = read_baseline(baseline_file).without_known(report)
    report = report.with_rules(options.only)
    _print(report, opened.gallery, options)
    if options.fail_on == "never":
        return
    if report.unchecked or report.fails(options.fail_on):
        sys.exit(1)


def _require_templates(opened: folders.Opened) -> None:
    if opened.gallery.names():
        return
    wanted = "files that end in .mjml or .html, with or without .j2"
    if opened.settings.ignore:
        wanted += f", but for ignore = {list(opened.settings.ignore)}"
    fail(f"{opened.shown} has no templates: {wanted}")


def _report(
    opened: folders.Opened, source: folders.Source, options: CheckOptions, baseline: Path
) -> "Report":
    """Check the mails. Results that involve code are not reused, since its files are unknown."""
    from keyturn.bounded_pool import cores
    from keyturn.studio.lint.checks_in_renderers import check_in_renderers
    from keyturn.studio.lint.clients.clients import UnknownClients
    from keyturn.studio.lint.gallery_checks import check_gallery
    from keyturn.studio.lint.mail_checks import checks_for

    settings = opened.settings
    try:
        checks = checks_for(options.groups or settings.clients, opened.gallery.audits)
    except UnknownClients as unknown:
        fail(f"--clients: {unknown}")
    depends_on = None
    if not options.no_cache and not _involves_code(opened, source):
        in_command = repr((options.groups, source.trust)).encode()
        depends_on = [msgspec.json.encode(settings, enc_hook=str), in_command]
    only = None
    if options.only_changed:
        only = _changed(opened, options.base, baseline)
    return check_gallery(
        opened.gallery,
        checks,
        severity=settings.severity,
        only=only,
        limits=settings.limits,
        each=partial(check_in_renderers, jobs=options.jobs or cores(), depends_on=depends_on),
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


def _write_baseline(report: "Report", file: Path) -> None:
    from keyturn.studio.lint.baseline import Baseline, write_baseline

    baseline = Baseline.of(report)
    write_baseline(file, baseline)
    click.echo(f"{baseline.count} findings are in the baseline: {shown_path(file)}")


def _print(report: "Report", gallery: "Gallery", options: CheckOptions) -> None:
    """Print the report, and which mails were not checked, beside a report for programs to standard
    error.
    """
    is_for_people = options.output == "text"
    if is_for_people:
        print_findings(report, gallery, in_full=bool(options.only))
    else:
        text = _for_programs(report, gallery, options.output)
        if text:
            click.echo(text)
    if report.unchecked:
        sentence = error(harmless(_unchecked(report.unchecked)))
        click.echo(sentence, err=not is_for_people)


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
