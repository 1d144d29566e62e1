"""Tags that are left open, closed twice or written in a way that the compiler does not read."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Severity
from keyturn.emails.lint.markup.element import Broken, SyntaxFault

BREAKING: frozenset[Broken] = frozenset(
    ["unclosed-tag", "stray-closing-tag", "unfinished-tag", "unclosed-quote", "unclosed-comment"]
)
"""Faults after which nobody knows what stands in what."""


class _Words(NamedTuple):
    """What to say of a kind of fault; `{tag}` and `{detail}` are the fault's own."""

    message: str
    way_out: str
    severity: Severity = "error"


_WORDS: Mapping[Broken, _Words] = {
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


def syntax_findings(document: Document) -> Iterator[Finding]:
    for fault in document.faults:
        words = _WORDS[fault.kind]
        yield Finding(
            rule=_rule(fault),
            severity=words.severity,
            message=_message(fault, words),
            way_out=words.way_out.format(tag=fault.tag, detail=fault.detail),
            place=document.place(fault.offset),
        )


def _rule(fault: SyntaxFault) -> str:
    group = "mjml" if not fault.tag or fault.tag.lstrip("/").startswith("mj") else "html"
    return f"{group}/{fault.kind}"


def _message(fault: SyntaxFault, words: _Words) -> str:
    if fault.kind == "unclosed-tag" and fault.detail:
        return f"<{fault.tag}> is opened here and not closed before </{fault.detail}>."
    if fault.kind == "stray-closing-tag" and fault.detail:
        return f"</{fault.tag}> closes nothing: what is open here is <{fault.detail}>."
    return words.message.format(tag=fault.tag, detail=fault.detail)
