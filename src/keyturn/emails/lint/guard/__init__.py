"""Checks the MJML itself: what the compiler accepts silently, or refuses without a place."""

import re
from collections.abc import Iterator

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.guard.attributes import attribute_findings
from keyturn.emails.lint.guard.nesting import nesting_findings
from keyturn.emails.lint.guard.syntax import BREAKING, syntax_findings

_POSITION = re.compile(r"(.*?) in root template(?: at position (\d+):\d+)?")


def guard(document: Document) -> Iterator[Finding]:
    """Yield findings on the MJML. If tags are missing, nesting is a guess and is not checked."""
    found = [*syntax_findings(document), *attribute_findings(document)]
    if not any(fault.kind in BREAKING for fault in document.faults):
        found += nesting_findings(document)
    yield from found
    if document.refusal and not any(finding.severity == "error" for finding in found):
        yield _compiler_refusal(document)


def _compiler_refusal(document: Document) -> Finding:
    """Report the compiler's message if no other finding explains it."""
    said = document.refusal.removeprefix("MJML: ")
    position = _POSITION.match(said)
    reason, offset = (position[1], position[2]) if position else (said, None)
    at = document.markup.rfind("<", 0, int(offset) + 1) if offset else Place(document.files.markup)
    return document.finding(at, "mjml/refused", reason=reason)
