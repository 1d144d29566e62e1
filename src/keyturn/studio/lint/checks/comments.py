"""Markup that hides a part of the mail from everybody: comments, and elements without an end tag."""

import re
from collections.abc import Iterator

from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding

_COMMENT = re.compile(r"<!--(?P<text>(?:[^-]++|-(?!->))*+)(?P<end>-->)?")
_FOR_OTHERS_ALONE = re.compile(r"\[if\s+!\s*\(?\s*mso\b[^\]&|]*\]>.*<!\[endif\]", re.DOTALL | re.IGNORECASE)
"""Outlook skips it, and all others take it for a comment: `<!--[if !mso]>` without a `<!-->` behind it."""

_SWALLOWS = ("a", "script", "select", "style", "textarea", "title")
"""Elements that take in the rest of the mail if they are not closed (HTML, 13.2.5.2 to 13.2.5.5)."""


def check_comments(document: Document) -> Iterator[Finding]:
    """Yield comments that hide something, and elements of plain HTML that swallow what follows."""
    for comment in _COMMENT.finditer(document.markup):
        is_open = not comment["end"] or "<!--" in comment["text"]
        if is_open and not document.files.is_mjml:  # else a finding on the MJML
            yield document.finding(comment.start(), "html/unclosed-comment")
        if comment["end"] and _FOR_OTHERS_ALONE.fullmatch(comment["text"]):
            yield document.finding(comment.start(), "html/never-shown")
    # The guard checks the tags of MJML.
    for element in () if document.is_mjml else document.elements(*_SWALLOWS):
        closes_itself = document.markup.startswith("/>", element.inner.start - 2)
        is_target = element.tag == "a" and "href" not in element.attributes
        if element.end == element.inner.stop and not (closes_itself or is_target):
            yield document.finding(element.offset, "html/unclosed-tag", tag=element.tag)
