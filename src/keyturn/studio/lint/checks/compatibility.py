"""CSS and HTML of the author that mail clients lack, as Can I email has tested it, or always remove.

No client runs scripts, event handlers and frames. Forms are judged by client.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from keyturn.studio.lint.clients.clients import MAJOR, Support, names_of, supports
from keyturn.studio.lint.clients.features import Feature, FeatureUse, Gap, feature_uses, features, gaps, severity_of
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import ClientGap, Finding

_WITHOUT = "Check that the mail also works without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


def check_compatibility(document: Document, clients: tuple[str, ...] = MAJOR) -> Iterator[Finding]:
    """Yield features that these clients lack, once for each line. Notes on other clients count, too."""
    seen = set()
    for use in feature_uses(document):
        finding = _finding_on(document, use, clients)
        if finding is None:
            continue
        key = (use.feature, finding.place.file, finding.place.line, finding.severity == "note" and finding.clients)
        if key not in seen:
            seen.add(key)
            yield finding


def _finding_on(document: Document, use: FeatureUse, chosen: tuple[str, ...]) -> Finding | None:
    support, feature = supports()[use.feature], features()[use.feature]
    all_gaps = tuple(gaps(use, feature, support, chosen))
    if not all_gaps:
        return None
    lacking, partly = ([gap for gap in all_gaps if gap.support == kind] for kind in ("no", "partial"))
    return Finding(
        rule=f"compatibility/{use.feature}",
        severity=severity_of(use, feature, all_gaps),
        message=_message(_title(support, feature, use), support, feature, lacking, partly),
        fix=(not document.is_mjml and feature.in_html) or feature.fix or _note(support, lacking) or _WITHOUT,
        place=document.place(use.offset),
        feature=use.feature,
        clients=tuple(ClientGap(gap.client, gap.support) for gap in (*lacking, *partly)),
    )


def _title(support: Support, feature: Feature, use: FeatureUse) -> str:
    """Return the name of the element if the feature covers several elements."""
    tag = re.match(r"<([\w-]+)", use.written)
    if feature.tag and not feature.attribute and tag:
        return f"<{tag[1]}>"
    return support.title.removesuffix(" property")


def _message(title: str, support: Support, feature: Feature, lacking: Sequence[Gap], partly: Sequence[Gap]) -> str:
    effects = [f"{feature.effect} in {names_of([gap.client for gap in lacking])}"] if lacking else []
    if partly:
        why = _note(support, partly).rstrip(".")
        effects.append(f"only in part in {names_of([gap.client for gap in partly])}" + (f" ({why})" if why else ""))
    return f"{title}: {', '.join(effects)}. {support.works[:1].upper()}{support.works[1:]}."


def _note(support: Support, all_gaps: Iterable[Gap]) -> str:
    """Return the first note of Can I email on these gaps, as plain text."""
    notes = (support.notes[gap.note] for gap in all_gaps if gap.note in support.notes)
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
