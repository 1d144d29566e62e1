"""CSS and HTML of the author that mail clients lack, as Can I email has tested it, or always remove.

No client runs scripts, event handlers and frames. Forms are judged by client.
"""

import re
from collections.abc import Iterator, Mapping

from keyturn.studio.lint.clients.clients import MAJOR, Support, names_of, supports
from keyturn.studio.lint.clients.features import Feature, Gaps, Use, feature_uses, features, gaps_of
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import ClientGap, Finding

_WITHOUT = "Check that the mail also works without it."
_VERDICT_WORD = re.compile(r"^(?:Partial|Buggy|Supported|Not supported)[.,:] (?:But )?")
_MARKDOWN_LINK = re.compile(r"\[([^][]*)\]\([^)[]*\)")


def check_compatibility(document: Document, clients: tuple[str, ...] = MAJOR) -> Iterator[Finding]:
    """Yield features that these clients lack, once for each line. Notes on other clients count, too."""
    reported: dict[tuple[object, ...], Finding] = {}
    for slug, use in feature_uses(document):
        if finding := _finding_on(document, slug, use, clients):
            place, noted = finding.place, finding.clients if finding.severity == "note" else ()
            reported.setdefault((slug, place.file, place.line, noted), finding)
    yield from reported.values()


def _finding_on(document: Document, slug: str, use: Use, chosen: tuple[str, ...]) -> Finding | None:
    support, feature = supports()[slug], features()[slug]
    lacking, partly = gaps = gaps_of(slug, use, chosen)
    if not any(gaps):
        return None
    return Finding(
        rule=f"compatibility/{slug}",
        severity="warning" if lacking and not feature.is_graceful(use.value) else "note",
        message=_message(use, support, feature, gaps),
        fix=(not document.is_mjml and feature.in_html) or feature.fix or _note(support, lacking) or _WITHOUT,
        place=document.place(use.offset),
        feature=slug,
        clients=tuple(ClientGap(client, "no" if client in lacking else "partial") for client in (*lacking, *partly)),
    )


def _message(use: Use, support: Support, feature: Feature, gaps: Gaps) -> str:
    """Return what is lacking where. Of a feature that covers several elements, the element is named."""
    is_of_tag = use.value and use.written.startswith((f"<{use.value}>", f"<{use.value} "))
    title = f"<{use.value}>" if is_of_tag else support.title.removesuffix(" property")
    effects = [f"{feature.effect} in {names_of([*gaps.lacking])}"] if gaps.lacking else []
    if gaps.partly:
        why = _note(support, gaps.partly).rstrip(".")
        effects.append(f"only in part in {names_of([*gaps.partly])}" + (f" ({why})" if why else ""))
    return f"{title}: {', '.join(effects)}. {support.works[:1].upper()}{support.works[1:]}."


def _note(support: Support, gaps: Mapping[str, str]) -> str:
    """Return the first note of Can I email on these gaps, as plain text."""
    notes = (support.notes[note] for note in gaps.values() if note in support.notes)
    return _VERDICT_WORD.sub("", _MARKDOWN_LINK.sub(r"\1", next(notes, "")))
