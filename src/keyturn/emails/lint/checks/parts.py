"""Parts of a mail beside its HTML, and characters that got lost between file and mail.

The text part exists, is plain text and has the same links. A subject in a file of its own is one line of plain text.
Jinja copies a byte order mark into the mail. Django and Liquid print nothing for a name that the sample lacks.
"""

import re
from collections.abc import Iterator

from keyturn.emails.lint.checks.links import UNFILLED, Anchor, addresses_in, anchors, is_sample_value, is_unfilled
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, Severity, did_you_mean

_TOO_LONG = 500
"""Characters: mail programs wrap lines, but more than five sentences in one paragraph are hard to read."""

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small|span|strong|style"
    r"|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    yield from _unfilled_places(document)
    if not document.text.strip():
        yield document.finding(Place(document.files.markup), "parity/no-text", template=document.template)
        return
    yield from _html_in_text(document)
    yield from _links_in_one_part(document)
    yield from _long_lines(document)


def _unfilled_places(document: Document) -> Iterator[Finding]:
    for text, place in document.written:
        for found in UNFILLED.finditer(text):
            if not is_sample_value(document.values, found[0]):
                yield document.finding(place(found.start()), "parity/unfilled", shown=found[0], engine=document.engine)


def _html_in_text(document: Document) -> Iterator[Finding]:
    lines = set()
    for found in _HTML.finditer(document.text):
        place = document.text_place(found.start())
        if not is_sample_value(document.values, found[0]) and place.line not in lines:
            lines.add(place.line)
            yield document.finding(place, "parity/html-in-text", shown=found[0][:40])


def _links_in_one_part(document: Document) -> Iterator[Finding]:
    in_text = addresses_in(document.text)
    in_html = [anchor for anchor in anchors(document) if _can_be_compared(anchor)]
    seen = set()
    for anchor in in_html:
        if not _is_in(anchor.address or "", document.text, in_text) and anchor.address not in seen:
            seen.add(anchor.address)
            severity: Severity = "warning" if anchor.is_button else "note"
            if anchor.secret and not document.guessed:
                severity = "error"
            label = anchor.label[:60]
            yield document.finding(anchor.offset, "parity/link-not-in-text", severity=severity, label=label)
    targets = {(anchor.address or "").rstrip("/") for anchor in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in targets:
            yield document.finding(document.text_place(offset), "parity/link-not-in-html")


def _can_be_compared(anchor: Anchor) -> bool:
    address = anchor.address or ""
    return address.startswith(("http://", "https://", "mailto:")) and not is_unfilled(address)


def _is_in(address: str, text: str, in_text: dict[str, int]) -> bool:
    if address.startswith("mailto:"):
        return address.removeprefix("mailto:").partition("?")[0] in text
    return address in in_text or address.rstrip("/") in {other.rstrip("/") for other in in_text}


def _long_lines(document: Document) -> Iterator[Finding]:
    offset = 0
    for line in document.text.split("\n"):
        if len(line) > _TOO_LONG and not addresses_in(line):
            yield document.finding(document.text_place(offset), "parity/long-line", most=_TOO_LONG)
        offset += len(line) + 1


_MARKUP = re.compile(r"</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);", re.IGNORECASE)


def check_subject(document: Document) -> Iterator[Finding]:
    if not document.files.subject:
        return
    text = document.subject_file
    if not text.strip():
        if not document.subject:
            yield document.finding(document.subject_place(0), "subject/empty")
        return
    if found := _MARKUP.search(text):
        yield document.finding(document.subject_place(found.start()), "subject/markup", shown=found[0][:40])
    first = len(text) - len(text.lstrip())
    if (end := text.find("\n", first)) >= 0 and (rest := text[end:]).strip():
        yield document.finding(document.subject_place(end + len(rest) - len(rest.lstrip())), "subject/several-lines")


_MARK = "\ufeff"


def check_byte_order_marks(document: Document) -> Iterator[Finding]:
    for text, place_of in document.written:
        places = (place_of(offset) for offset, letter in enumerate(text) if letter == _MARK) if _MARK in text else ()
        for place in places:
            if place == Place(place.file):
                yield document.finding(place, "file/byte-order-mark")


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        fix = _closest_name(name, document.values)
        rule = f"{document.engine.lower()}/undefined"
        yield document.finding(place, rule, name=name, sample=document.sample, fix=fix)


def _closest_name(name: str, values: object) -> str:
    above, dot, last = name.rpartition(".")
    for part in above.split(".") if above else ():
        values = values.get(part) if isinstance(values, dict) else None
    return did_you_mean(last, values if isinstance(values, dict) else (), form=f"{above}{dot}{{}}")
