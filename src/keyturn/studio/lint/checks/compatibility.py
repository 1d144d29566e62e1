"""Features that a mail uses and a client lacks, as Can I email has tested them."""

import re
from collections.abc import Iterator, Mapping

from keyturn.studio.lint.clients.clients import MAJOR, Support, names_of, supports
from keyturn.studio.lint.clients.feature_uses import feature_uses
from keyturn.studio.lint.clients.features import Feature, FeatureUse, Gaps, features, gaps_of
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import ClientGap, Finding, Severity

_WITHOUT = "Check that the mail also works without it."
_LEVEL_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


def check_compatibility(document: Document, clients: tuple[str, ...] = MAJOR) -> Iterator[Finding]:
    """Yield features that these clients lack, once for each line.

    A note on other clients than a first note is yielded, too.
    """
    reported: dict[tuple[object, ...], Finding] = {}
    for slug, use in feature_uses(document):
        gaps = gaps_of(slug, use, clients)
        if not (gaps.whole or gaps.part):
            continue
        finding = _finding_on(document, slug, use, gaps)
        noted = finding.clients if finding.severity == "note" else ()
        key = (slug, finding.place.file, finding.place.line, noted)
        reported.setdefault(key, finding)
    yield from reported.values()


def _finding_on(document: Document, slug: str, use: FeatureUse, gaps: Gaps) -> Finding:
    support = supports()[slug]
    feature = features()[slug]
    severity: Severity = "note"
    if gaps.whole and not feature.is_graceful(use.value):
        severity = "warning"
    fix = feature.fix or _note(support, gaps.whole) or _WITHOUT
    if feature.in_html and not document.files.is_mjml:
        fix = feature.in_html
    clients = [ClientGap(client, "no") for client in gaps.whole]
    clients += [ClientGap(client, "partial") for client in gaps.part]
    return Finding(
        rule=f"compatibility/{slug}",
        severity=severity,
        message=_message(use, gaps, support, feature),
        fix=fix,
        place=document.place(use.offset),
        feature=slug,
        clients=tuple(clients),
    )


def _message(use: FeatureUse, gaps: Gaps, support: Support, feature: Feature) -> str:
    """Return what is lacking where.

    If the feature covers several elements, the message names the element.
    """
    title = support.title.removesuffix(" property")
    if use.value and use.written.startswith((f"<{use.value}>", f"<{use.value} ")):
        title = f"<{use.value}>"
    effects = []
    if gaps.whole:
        effects.append(f"{feature.effect} in {names_of([*gaps.whole])}")
    if gaps.part:
        effect = f"only in part in {names_of([*gaps.part])}"
        why = _note(support, gaps.part).rstrip(".")
        if why:
            effect += f" ({why})"
        effects.append(effect)
    works = support.works[:1].upper() + support.works[1:]
    return f"{title}: {', '.join(effects)}. {works}."


def _note(support: Support, notes: Mapping[str, str]) -> str:
    """Return the first of these notes of Can I email, by client, as plain text."""
    for number in notes.values():
        if number in support.notes:
            note = _MARKDOWN_LINK.sub(r"\1", support.notes[number])
            return _LEVEL_WORD.sub("", note)
    return ""
