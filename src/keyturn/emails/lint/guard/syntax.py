"""Tags that are unclosed, closed twice or malformed for the compiler."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, Rule, RuleGroup, Severity, line_and_column
from keyturn.emails.lint.markup.mjml_parser import MjmlFaultKind, SyntaxFault, parse_mjml

BREAKING: frozenset[MjmlFaultKind] = frozenset(
    ["unclosed-tag", "stray-closing-tag", "unfinished-tag", "unclosed-quote", "unclosed-comment"]
)
"""Faults after which the nesting is unknown."""


class _Words(NamedTuple):
    """The texts of a kind of fault, with `{tag}` and `{detail}`."""

    message: str
    fix: str
    severity: Severity = "error"


_WORDS: Mapping[MjmlFaultKind, _Words] = {
    "unclosed-tag": _Words("<{tag}> is opened here and never closed.", "Add </{tag}> where it ends."),
    "stray-closing-tag": _Words(
        "</{tag}> closes nothing: no <{tag}> is open here.", "Delete it, or open <{tag}> before it."
    ),
    "misspelt-closing-tag": _Words("</{tag}> does not close <{detail}>.", "Write </{detail}>."),
    "unfinished-tag": _Words("The tag <{tag} has no end.", "Add the missing >."),
    "unclosed-quote": _Words("The value of {detail} has no closing quote.", 'Close it: {detail}="…".'),
    "unquoted-value": _Words(
        "The value of {detail} stands without quotes.", 'Write {detail}="…": MJML reads quoted values only.'
    ),
    "quote-in-value": _Words(
        "The value of {detail} holds a double quote, and ends there in the mail: the compiler writes double quotes.",
        "Write &quot; for it, or single quotes inside of double ones.",
    ),
    "malformed-tag": _Words("<{tag}> has a stray {detail} among its attributes.", 'Write attributes as name="value".'),
    "missing-space": _Words("<{tag}> has no space before {detail}.", "Add a space."),
    "duplicate-attribute": _Words(
        "<{tag}> has {detail} twice with different values: MJML compilers do not agree on which counts.",
        "Keep one of them.",
        "note",
    ),
    "unclosed-comment": _Words("A comment is opened here and never closed.", "Add --> where it ends."),
    "malformed-comment": _Words(
        "A comment holds two hyphens, which MJML does not read.", "Write one hyphen or a dash, or take a Jinja comment."
    ),
    "conditional-comment": _Words(
        "A conditional comment stands between MJML elements, where the compiler refuses it.", "Put it into <mj-raw>."
    ),
    "misplaced-comment": _Words(
        "The compiler refuses a comment in <{tag}>.", "Move it outside, or write a Jinja comment: {{# … #}}."
    ),
    "cdata": _Words("MJML reads no CDATA section.", "Write the text as it is, &lt; and &amp; where it needs them."),
    "declaration": _Words(
        "MJML begins with <mjml>: it reads no document type and no XML declaration.",
        "Delete it; the compiler writes the document type of the mail.",
    ),
    "bare-less-than": _Words("A < that begins no tag.", "Write &lt; instead."),
}

MJML_RULES = RuleGroup("mjml", *_WORDS)
HTML_RULES = RuleGroup("html", *_WORDS)


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
    words = _WORDS[fault.kind]
    fix = words.fix.format(tag=fault.tag, detail=fault.detail)
    return _rule(fault).finding(place, words.severity, _message(fault, words), fix)


def _rule(fault: SyntaxFault) -> Rule:
    is_mjml = not fault.tag or fault.tag.lstrip("/").startswith("mj")
    return (MJML_RULES if is_mjml else HTML_RULES)[fault.kind]


def _message(fault: SyntaxFault, words: _Words) -> str:
    if fault.kind == "unclosed-tag" and fault.detail:
        return f"<{fault.tag}> is opened here and not closed before </{fault.detail}>."
    if fault.kind == "stray-closing-tag" and fault.detail:
        return f"</{fault.tag}> closes nothing: what is open here is <{fault.detail}>."
    return words.message.format(tag=fault.tag, detail=fault.detail)
