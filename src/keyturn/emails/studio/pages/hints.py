"""What a drawing does not show, said above it: web fonts, dark styles that there are none of, elements left out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.studio.view import View

_DARK = re.compile(
    r"prefers-color-scheme\s*:\s*dark|color-scheme[\"']?\s*(?:content=)?[\"':\s][^;>]{0,40}\bdark\b", re.IGNORECASE
)
_WEB_FONT = re.compile(
    r"@font-face\s*\{[^{}]*url\(\s*[\"']?(?:https?:)?//|@import\s++(?:url\(\s*)?[\"']?https?://(?:(?!@import)[^;])*?font"
    r"|<link\b(?>[^<>]*?href=[\"']?https?://)[^<>]*?font",
    re.IGNORECASE,
)
_NOT_DRAWN = frozenset(
    (
        "mjml/unknown-element",
        "mjml/removed-element",
        "mjml/misplaced-text",
        "mjml/body-element-in-head",
        "mjml/wrong-parent",
        "mjml/misplaced-html",
    )
)


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that is not seen. `address` leads to where it is, and `link` says so; empty where nothing does."""

    says: str
    link: str = ""
    address: str = ""
    place: Place | None = None


def hints(html: str, view: View, findings: Sequence[Finding] = ()) -> Iterator[Hint]:
    """Yield what is worth knowing of a drawing in this view; `findings` are those of its checks, once they have run."""
    for finding in findings:
        if finding.rule in _NOT_DRAWN and finding.severity == "error":
            yield Hint(f"{finding.message} {finding.fix}", place=finding.place)
    if view.scheme == "dark" and not _DARK.search(html):
        yield Hint("This mail has no dark styles: clients that honour them show it in the dark as it is in the light.")
    if _WEB_FONT.search(html):
        if view.fonts == "on":
            yield Hint("Web fonts are loaded from their servers.", "Leave them out", view.here(fonts="off"))
        else:
            yield Hint(
                "Web fonts are not loaded: the next font of each list is drawn, as most clients do.",
                "Load them",
                view.here(fonts="on"),
            )
