"""Comments that hide a part of the mail from everybody."""

import re
from collections.abc import Iterator

from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding

_FOR_OTHERS_ALONE = re.compile(r"\[if\s+!\s*\(?\s*mso\b[^\]&|]*\]>.*<!\[endif\]", re.DOTALL | re.IGNORECASE)
"""Outlook skips it, and all others take it for a comment: `<!--[if !mso]>` without a `<!-->` behind it."""


def check_comments(document: Document) -> Iterator[Finding]:
    markup, start = document.markup, document.markup.find("<!--")
    while start >= 0:
        end = markup.find("-->", start + 4)
        is_open = end < 0 or "<!--" in markup[start + 4 : end]
        if is_open and not document.files.is_mjml:  # else a finding on the MJML
            yield document.finding(start, "html/unclosed-comment")
        if end < 0:
            return
        if _FOR_OTHERS_ALONE.fullmatch(markup, start + 4, end):
            yield document.finding(start, "html/never-shown")
        start = markup.find("<!--", end)
