"""Comments that hide something by mistake, and elements that swallow the rest of a mail."""

import re
from collections.abc import Iterator

from keyturn.mail.rendering.html_tree import COMMENT
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding

_TAG = re.compile(r"</?[a-z]", re.IGNORECASE)
# Outlook skips it, and all others take it for a comment: `<!--[if !mso]>` without a `<!-->` behind
# it.
_FOR_OTHERS_ALONE = re.compile(
    r"\[if\s+!\s*\(?\s*mso\b[^\]&|]*\]>.*<!\[endif\]", re.DOTALL | re.IGNORECASE
)
# Elements that take in the rest of the mail if they are not closed (HTML, 13.2.5.2 to 13.2.5.5).
_SWALLOWS = ("a", "script", "select", "style", "textarea", "title")


def check_comments(document: Document) -> Iterator[Finding]:
    for comment in COMMENT.finditer(document.markup):
        text = comment["text"] or ""
        # The guard checks the other comments of MJML.
        is_checked_here = text.startswith("[if") or not document.files.is_mjml
        if is_checked_here and is_open(comment):
            yield document.finding(comment.start(), "html/unclosed-comment")
        elif _FOR_OTHERS_ALONE.fullmatch(text):
            yield document.finding(comment.start(), "html/never-shown")


def is_open(comment: re.Match[str]) -> bool:
    """Tell whether the end of a comment is missing: nothing ends it, or it has tags and then a
    second `<!--`.

    A second `<!--` alone hides nothing: `<!--[if !mso]><!-- -->` ends where it should (HTML,
    13.2.5.43).
    """
    if comment["end"] == "":
        return True
    before, second, _ = (comment["text"] or "").rpartition("<!--")
    return second != "" and _TAG.search(before) is not None


def check_swallowing_elements(document: Document) -> Iterator[Finding]:
    """Yield elements of plain HTML that take in the rest of the mail.

    The guard checks the tags of MJML.
    """
    if document.files.is_mjml:
        return
    for element in document.elements(*_SWALLOWS):
        closes_itself = document.markup.startswith("/>", element.inner.start - 2)
        is_target = element.tag == "a" and "href" not in element.attributes
        is_closed = element.end != element.inner.stop
        if not (is_closed or closes_itself or is_target):
            yield document.finding(element.offset, "html/unclosed-tag", tag=element.tag)


CHECKS = (check_comments, check_swallowing_elements)
