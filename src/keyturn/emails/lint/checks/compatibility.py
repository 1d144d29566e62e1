"""What mail clients make of the CSS and HTML that an author brought in, as Can I email has tested it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import msgspec

from keyturn.emails.lint.clients.clients import MAJOR, Clients, Support, names_of, supports
from keyturn.emails.lint.clients.feature_usage import feature_uses
from keyturn.emails.lint.clients.features import Feature, FeatureUse, features
from keyturn.emails.lint.clients.support_gaps import Gap, gaps
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import ClientGap, Finding, RuleGroup, Severity

_WITHOUT = "See that the mail also holds without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


@cache
def compatibility_rules() -> RuleGroup:
    """Return a rule for each feature; the features are read when they are first asked for."""
    return RuleGroup("compatibility", *features())


def check_compatibility(document: Document, clients: Clients = MAJOR) -> Iterator[Finding]:
    """Yield what these clients lack. A note comes once for each file, and again where others lack another value."""
    seen = set()
    for use in feature_uses(document):
        finding = _finding_on(document, use, clients.members)
        if finding is None:
            continue
        place = finding.place
        key = (use.feature, place.file, finding.clients if finding.severity == "note" else place.line)
        if key not in seen:
            seen.add(key)
            yield finding


def _finding_on(document: Document, use: FeatureUse, chosen: tuple[str, ...]) -> Finding | None:
    support, feature = supports()[use.feature], features()[use.feature]
    found = tuple(gaps(use, feature, support, chosen))
    if not found:
        return None
    lacking, partly = ([gap for gap in found if gap.support == kind] for kind in ("no", "partial"))
    severity: Severity = "warning" if lacking and not feature.is_graceful(use.value) else "note"
    finding = document.finding(
        use.offset,
        compatibility_rules()[use.feature],
        severity,
        _message(_title(support, feature, use), support, feature, lacking, partly),
        (not document.is_mjml and feature.in_html) or feature.fix or _note(support, lacking) or _WITHOUT,
    )
    clients = tuple(ClientGap(gap.client, gap.support) for gap in (*lacking, *partly))
    return msgspec.structs.replace(finding, feature=use.feature, clients=clients)


def _title(support: Support, feature: Feature, use: FeatureUse) -> str:
    """Name the element itself where one feature is several of them."""
    tag = re.match(r"<([\w-]+)", use.written)
    if feature.tag and not feature.attribute and tag:
        return f"<{tag[1]}>"
    return support.title.removesuffix(" property")


def _message(title: str, support: Support, feature: Feature, lacking: Sequence[Gap], partly: Sequence[Gap]) -> str:
    said = [f"{feature.effect} in {names_of([gap.client for gap in lacking])}"] if lacking else []
    if partly:
        why = _note(support, partly).rstrip(".")
        said.append(f"only in part in {names_of([gap.client for gap in partly])}" + (f" ({why})" if why else ""))
    works = f"Works in {len(support.clients_that('yes'))} of {support.tested_in} clients, tested {support.tested[:7]}"
    return f"{title}: {', '.join(said)}. {works}."


def _note(support: Support, found: Iterable[Gap]) -> str:
    """Return the first note of Can I email to these, as plain text."""
    notes = (support.notes[gap.note] for gap in found if gap.note in support.notes)
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
