"""An examination as one JSON document, whose schema is made from the types here."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from keyturn.emails.gallery.branches.report import Coverage, FolderCoverage
from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.finding import ClientGap, Severity
from keyturn.emails.lint.reports.shown_path import Shown

Count = Annotated[int, Meta(ge=0)]
FromOne = Annotated[int, Meta(ge=1)]


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, once for all mails that have it."""

    rule: Annotated[str, Meta(description="Stable: the group, a slash, what is wrong.", pattern="^[a-z]+/[a-z0-9-]+$")]
    severity: Severity
    message: Annotated[str, Meta(description="What is wrong.")]
    fix: Annotated[str, Meta(description="What to do about it.")]
    file: Annotated[str, Meta(description="The template, from the working directory where it is below that.")]
    line: FromOne
    column: Annotated[int, Meta(ge=1, description="In characters.")]
    fingerprint: Annotated[str, Meta(description="Of the line's text: the same where the line moves.")]
    mails: Annotated[tuple[str, ...], Meta(description="TEMPLATE/SAMPLE, with the language where there are several.")]
    feature: Annotated[str | None, Meta(description="Can I email's name for what the clients lack.")]
    clients: Annotated[tuple[ClientGap, ...], Meta(description="Who lacks it, or has a part of it.")]
    widths: Annotated[tuple[int, ...], Meta(description="In CSS pixels: where a browser found it (--browser).")]


class ReportedBranch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch that nothing draws."""

    file: Annotated[str, Meta(description="The template, as in a finding.")]
    line: Annotated[int, Meta(ge=1, description="The first line that it would draw.")]
    last_line: FromOne
    branch: Annotated[str, Meta(description="What it takes, in few words.")]
    reason: Annotated[str, Meta(description="Why no values were found that take it.")]


class ReportedCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many branches are drawn: each way that an if, a loop or a macro goes, in templates and what they share."""

    branches: Count
    by_samples: Annotated[Count, Meta(description="Drawn by samples that somebody wrote.")]
    drawn: Annotated[Count, Meta(description="Drawn by those, and by values that were found.")]
    percent: Annotated[float, Meta(ge=0, le=100, description="What is drawn of all, rounded down to a tenth.")]
    never_drawn: tuple[ReportedBranch, ...]


class ReportedCoverages(msgspec.Struct, frozen=True, kw_only=True):
    """The coverage of all that was checked, of each folder ("" is the top) and of each template."""

    total: ReportedCoverage
    folders: dict[str, ReportedCoverage]
    templates: dict[str, ReportedCoverage]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `keyturn check --format json` writes."""

    version: Annotated[Literal[1], Meta(description="Of this format; what is only added does not change it.")] = 1
    templates: Count
    mails: Annotated[Count, Meta(description="How many were drawn: templates with their samples and languages.")]
    errors: Count
    warnings: Count
    notes: Count
    ignored: Annotated[Count, Meta(description="Findings that comments in the templates ignore.")]
    in_baseline: Annotated[Count, Meta(description="Findings that the baseline knows.")]
    findings: tuple[ReportedFinding, ...]
    coverage: Annotated[ReportedCoverages | None, Meta(description="null where no branches were looked for.")] = None


def as_json(examination: Examination, shown: Shown) -> str:
    tally = examination.tally
    report = CheckReport(
        templates=examination.templates,
        mails=examination.mails,
        errors=tally.errors,
        warnings=tally.warnings,
        notes=tally.notes,
        ignored=len(examination.ignored),
        in_baseline=len(examination.in_baseline),
        findings=tuple(_reported(found, shown) for found in examination.found),
        coverage=_reported_coverages(examination.coverage, shown) if examination.coverage else None,
    )
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def json_report_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `as_json` writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(CheckReport)}


def _reported(found: Found, shown: Shown) -> ReportedFinding:
    finding = found.finding
    return ReportedFinding(
        rule=finding.rule,
        severity=finding.severity,
        message=finding.message,
        fix=finding.fix,
        file=shown(finding.place.file),
        line=finding.place.line,
        column=finding.place.column,
        fingerprint=found.fingerprint,
        mails=found.mails,
        feature=finding.feature or None,
        clients=finding.clients,
        widths=finding.widths,
    )


def _reported_coverages(coverage: FolderCoverage, shown: Shown) -> ReportedCoverages:
    return ReportedCoverages(
        total=_reported_coverage(coverage.total, shown),
        folders={name: _reported_coverage(one, shown) for name, one in coverage.folders.items()},
        templates={name: _reported_coverage(one, shown) for name, one in coverage.mails.items()},
    )


def _reported_coverage(coverage: Coverage, shown: Shown) -> ReportedCoverage:
    return ReportedCoverage(
        branches=coverage.branches,
        by_samples=coverage.by_samples,
        drawn=coverage.drawn,
        percent=coverage.percent,
        never_drawn=tuple(
            ReportedBranch(
                file=shown(one.file), line=one.line, last_line=one.last_line, branch=one.name, reason=one.reason
            )
            for one in coverage.never_drawn
        ),
    )
