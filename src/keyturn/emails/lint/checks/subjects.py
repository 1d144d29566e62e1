"""A subject in a file of its own: one line of plain text, though its file may hold more."""

import re
from collections.abc import Iterator

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup

RULES = RuleGroup("subject", "empty", "markup", "several-lines")

_MARKUP = re.compile(r"</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);", re.IGNORECASE)


def check_subject(document: Document) -> Iterator[Finding]:
    if not document.files.subject:
        return
    text = document.subject_file
    if not text.strip():
        if not document.subject:
            yield document.finding(
                document.subject_place(0), RULES["empty"], "error", "The subject is empty.", "Say what the mail is for."
            )
        return
    if found := _MARKUP.search(text):
        yield document.finding(
            document.subject_place(found.start()),
            RULES["markup"],
            "warning",
            f"The subject shows {found[0][:40]} as it is written: it is no HTML.",
            "Write plain text, and do not escape in it.",
        )
    first = len(text) - len(text.lstrip())
    if (end := text.find("\n", first)) >= 0 and (rest := text[end:]).strip():
        yield document.finding(
            document.subject_place(end + len(rest) - len(rest.lstrip())),
            RULES["several-lines"],
            "warning",
            "The subject is one line, and its file holds several: they are sent as one.",
            "Keep one line; {#- -#} around tags keeps line breaks out.",
        )
