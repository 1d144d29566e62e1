"""What mail clients make of the CSS and HTML that an author brought in, as Can I email has tested it."""

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from keyturn.emails.lint.clients.clients import MAJOR, Clients, Support, names_of, supports
from keyturn.emails.lint.clients.feature_usage import FeatureUse, feature_uses
from keyturn.emails.lint.clients.features import Feature, features
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import ClientGap, Finding, RuleGroup, Severity

_WITHOUT = "See that the mail also holds without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


@cache
def compatibility_rules() -> RuleGroup:
    """Return a rule for each feature; the features are read when they are first asked for."""
    return RuleGroup("compatibility", *features())


def check_compatibility(document: Document, clients: Clients = MAJOR) -> Iterator[Finding]:
    """Yield what these clients lack. A note comes once for each file."""
    seen = set()
    for use in feature_uses(document):
        finding = _finding_on(document, use, clients.members)
        if finding is None:
            continue
        place = finding.place
        key = (use.feature, place.file, 0 if finding.severity == "note" else place.line)
        if key not in seen:
            seen.add(key)
            yield finding


def _finding_on(document: Document, use: FeatureUse, chosen: tuple[str, ...]) -> Finding | None:
    support, feature = supports()[use.feature], features()[use.feature]
    lacking = [client for client in chosen if support.verdicts[client] == "no"]
    partly = [client for client in chosen if support.verdicts[client] == "partial"]
    if not feature.partly_matters(use.value):
        partly = []
    elif feature.partial is not None:  # this very value is the part that is missing
        lacking, partly = [client for client in chosen if client in (*lacking, *partly)], []
    if not lacking and not partly:
        return None
    severity: Severity = "warning" if lacking and not feature.graceful else "note"
    finding = document.finding(
        use.offset, compatibility_rules()[use.feature], severity, _message(support, feature, lacking, partly),
        (not document.is_mjml and feature.in_html) or feature.fix or _note(support, lacking) or _WITHOUT,
    )  # fmt: skip
    gaps = (*(ClientGap(client, "no") for client in lacking), *(ClientGap(client, "partial") for client in partly))
    return msgspec.structs.replace(finding, feature=use.feature, clients=gaps)


def _message(support: Support, feature: Feature, lacking: list[str], partly: list[str]) -> str:
    said = [f"{feature.effect} in {names_of(lacking)}"] if lacking else []
    if partly:
        why = _note(support, partly).rstrip(".")
        said.append(f"only in part in {names_of(partly)}" + (f" ({why})" if why else ""))
    works = f"Works in {len(support.clients_that('yes'))} of {support.tested_in} clients, tested {support.tested[:7]}"
    return f"{support.title.removesuffix(' property')}: {', '.join(said)}. {works}."


def _note(support: Support, clients: list[str]) -> str:
    """Return what Can I email notes to the first of these clients, as plain text."""
    notes = (support.notes[number] for client in clients for number in support.noted.get(client, ()))
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
