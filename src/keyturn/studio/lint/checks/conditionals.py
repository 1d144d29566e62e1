"""Conditional comments: whether Outlook for Windows recognises them, and whether what they hold is
closed.
"""

import re
from collections import Counter
from collections.abc import Iterator

from keyturn.mail.rendering.html_tree import COMMENT
from keyturn.studio.lint.checks.comments import is_open
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.markup.conditional_comments import blanked_for_word

_DASHES = r"\s\u2010-\u2015\u2212-"
# A mark of a conditional comment, however it is written: editors and formatters insert blanks and
# typographic dashes.
_MEANT = re.compile(
    rf"<![{_DASHES}]*\[\s*(?:if\b(?P<condition>[^\][<>]{{1,200}})\]\s*"
    rf"|(?P<end>end\s*if)\s*\][/{_DASHES}]{{0,9}})>",
    re.IGNORECASE,
)
# What Outlook recognises (Microsoft, "About conditional comments"), in one line.
_START = re.compile(r"<!(?:--)?\[if[ \t][^\]\r\n]+\]>", re.IGNORECASE)
_END = re.compile(r"<!\[endif\](?:\s*--)?>", re.IGNORECASE)

_OFFICE_TAG = re.compile(
    r"<(?P<end>/?)(?P<tag>xml|v:(?:background|group|oval|rect|roundrect|shape|textbox)"
    r"|o:OfficeDocumentSettings|w:WordDocument)(?![\w:-])"
    r"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?(?P<alone>/?)>",
    re.IGNORECASE,
)
_VML_BETWEEN_CELLS = re.compile(
    r"(?:<t(?:able|body|r)\b[^<>]*>|</t[rdh]>)\s*(?P<vml><(?P<tag>v:[a-z]+))", re.IGNORECASE
)


def check_conditionals(document: Document) -> Iterator[Finding]:
    markup = str(document.markup)
    open_starts: list[int] = []
    for mark in _MEANT.finditer(markup):
        if mark["end"] is None:
            open_starts.append(mark.start())
            if not _START.fullmatch(mark[0]):
                condition = " ".join(mark["condition"].split())
                yield _malformed(document, mark, f"<!--[if {condition}]>")
        elif open_starts:  # an end that ends nothing disturbs no client
            open_starts.pop()
            if not _END.fullmatch(mark[0]):
                yield _malformed(document, mark, "<![endif]-->")
    open_comments = {comment.start() for comment in COMMENT.finditer(markup) if is_open(comment)}
    for start in open_starts:
        if start not in open_comments:
            yield document.finding(start, "html/unclosed-conditional")
    yield from _check_content(document, markup)


def _malformed(document: Document, mark: re.Match[str], right: str) -> Finding:
    shown = " ".join(mark[0].split())
    return document.finding(mark.start(), "html/malformed-conditional", shown=shown, right=right)


def _check_content(document: Document, markup: str) -> Iterator[Finding]:
    """Yield elements of Office that are not closed, or not in a cell.

    A pair may lie in two comments.
    """
    for_word = COMMENT.sub(_blanks, blanked_for_word(markup))
    for tag in _unclosed_office_tags(for_word):
        yield document.finding(tag.start(), "html/unclosed-office-tag", tag=tag["tag"])
    for found in _VML_BETWEEN_CELLS.finditer(for_word):
        yield document.finding(found.start("vml"), "html/vml-between-cells", tag=found["tag"])


def _blanks(comment: re.Match[str]) -> str:
    return " " * len(comment[0])


def _unclosed_office_tags(for_word: str) -> Iterator[re.Match[str]]:
    """Yield the start tags without an end tag of their own.

    An end tag that ends nothing is skipped. The count of open tags says so without a search through
    all of them, which thousands of tags would make slow.
    """
    open_tags: list[re.Match[str]] = []
    times_open = Counter[str]()
    for tag in _OFFICE_TAG.finditer(for_word):
        name = tag["tag"].lower()
        if not tag["end"]:
            if not tag["alone"]:
                open_tags.append(tag)
                times_open[name] += 1
            continue
        if not times_open[name]:
            continue
        while open_tags[-1]["tag"].lower() != name:
            inner = open_tags.pop()
            times_open[inner["tag"].lower()] -= 1
            yield inner
        open_tags.pop()
        times_open[name] -= 1
    yield from open_tags
