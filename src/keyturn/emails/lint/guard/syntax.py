"""Tags that are unclosed, closed twice or malformed for the compiler."""

import re
from collections.abc import Iterator, Mapping

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import RULES, Finding, Place, line_and_column
from keyturn.emails.lint.markup.mjml_parser import SyntaxFault, parse_mjml

BREAKING: frozenset[str] = frozenset(
    ["unclosed-tag", "stray-closing-tag", "unfinished-tag", "unclosed-quote", "unclosed-comment"]
)
"""Faults after which the nesting is unknown."""


_WITH_DETAIL: Mapping[str, str] = {
    "unclosed-tag": "<{tag}> is not closed before </{detail}>.",
    "stray-closing-tag": "</{tag}> closes nothing: the open element is <{detail}>.",
}


_JINJA = re.compile(r"\{#(?:(?!\{#).)*?#\}|\{%(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{).)*?\}\}", re.DOTALL)


def syntax_findings(document: Document) -> Iterator[Finding]:
    return (_finding_at(document.place(fault.offset), fault) for fault in document.faults)


def first_mistake_in(file: str, source: str) -> Finding | None:
    """Return the first error in the tags of a template's source, for a template that does not compile.

    Expressions of Jinja count as words, its statements as blanks.
    """
    for fault in parse_mjml(_JINJA.sub(_without_jinja, source)).faults:
        finding = _finding_at(Place(file, *line_and_column(source, fault.offset)), fault)
        if finding.severity == "error":
            return finding
    return None


def _without_jinja(jinja: re.Match[str]) -> str:
    """Replace Jinja by a word or blanks of the same length: offsets stay, and attributes keep a value."""
    return re.sub(r"[^\n]", "x" if jinja[0].startswith("{{") else " ", jinja[0])


def _finding_at(place: Place, fault: SyntaxFault) -> Finding:
    group = "mjml" if not fault.tag or fault.tag.lstrip("/").startswith("mj") else "html"
    words = {"tag": fault.tag, "detail": fault.detail}
    message = _WITH_DETAIL.get(fault.kind, "").format(**words) if fault.detail else ""
    return RULES.finding(place, f"{group}/{fault.kind}", message=message, tag=fault.tag, detail=fault.detail)
