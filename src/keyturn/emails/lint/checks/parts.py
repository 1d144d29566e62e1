"""Parts of a mail beside its HTML, and characters that got lost between file and mail.

The text part exists, is plain text and has the same links. A subject in a file of its own is one line of plain text.
Jinja copies a byte order mark into the mail. Django and Liquid print nothing for a name that the sample lacks.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from keyturn.emails.lint.checks.links import UNFILLED, Anchor, addresses_in, anchors, is_sample_value, is_unfilled
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, RuleGroup

RULES = RuleGroup("parity", "html-in-text", "link-not-in-html", "link-not-in-text", "long-line", "no-text", "unfilled")

_TOO_LONG = 200

_HTML = re.compile(
    r"</?(?:a|abbr|b|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|small|span|strong|style"
    r"|table|tbody|td|th|tr|u|ul|mj-[a-z-]+|mjml)\b[^<>\n]*>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)


def check_parity(document: Document) -> Iterator[Finding]:
    yield from _unfilled_places(document)
    if not document.text.strip():
        yield document.finding(
            Place(document.files.markup),  # even if a layout wrote all of it
            RULES["no-text"],
            "warning",
            "There is no text part, or nothing in it: who reads plain text gets an empty mail.",
            f"Write {document.template}.txt beside the template, with the same links.",
        )
        return
    yield from _html_in_text(document)
    yield from _links_in_one_part(document)
    yield from _long_lines(document)


def _unfilled_places(document: Document) -> Iterator[Finding]:
    for text, place in (
        (document.markup, document.place),
        (document.text, document.text_place),
        (document.subject_file, document.subject_place),
    ):
        for found in UNFILLED.finditer(text):
            if not is_sample_value(document.values, found[0]):
                yield document.finding(
                    place(found.start()),
                    RULES["unfilled"],
                    "warning",
                    f"Readers see {found[0]}: this place was never filled in.",
                    f"Write the value as {document.engine} has it; where the sending service fills it in, all is well.",
                )


def _html_in_text(document: Document) -> Iterator[Finding]:
    lines = set()
    for found in _HTML.finditer(document.text):
        place = document.text_place(found.start())
        if not is_sample_value(document.values, found[0]) and place.line not in lines:
            lines.add(place.line)
            yield document.finding(
                place,
                RULES["html-in-text"],
                "warning",
                f"The text part shows {found[0][:40]} as it is written: it is no HTML.",
                "Write plain text, and do not escape in it.",
            )


def _links_in_one_part(document: Document) -> Iterator[Finding]:
    in_text = addresses_in(document.text)
    in_html = [anchor for anchor in anchors(document) if _can_be_compared(anchor)]
    seen = set()
    for anchor in in_html:
        if not _is_in(anchor.address or "", document.text, in_text) and anchor.address not in seen:
            seen.add(anchor.address)
            yield document.finding(
                anchor.offset,
                RULES["link-not-in-text"],
                "error" if anchor.secret and not document.guessed else "warning" if anchor.is_button else "note",
                f'The text part does not have the link "{anchor.label[:60]}".',
                "Write the address on a line of its own in the text part.",
            )
    targets = {(anchor.address or "").rstrip("/") for anchor in in_html}
    for address, offset in in_text.items():
        if address.rstrip("/") not in targets:
            yield document.finding(
                document.text_place(offset),
                RULES["link-not-in-html"],
                "warning",
                "The text part has a link that the HTML does not have.",
                "Give both parts the same links.",
            )


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
            yield document.finding(
                document.text_place(offset),
                RULES["long-line"],
                "note",
                f"A line of the text part is over {_TOO_LONG} characters long, and not every client wraps.",
                "Break lines at about 72 characters; the filter short_lines does it.",
            )
        offset += len(line) + 1


SUBJECT_RULES = RuleGroup("subject", "empty", "markup", "several-lines")

_MARKUP = re.compile(r"</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);", re.IGNORECASE)


def check_subject(document: Document) -> Iterator[Finding]:
    if not document.files.subject:
        return
    text = document.subject_file
    if not text.strip():
        if not document.subject:
            yield document.finding(
                document.subject_place(0),
                SUBJECT_RULES["empty"],
                "error",
                "The subject is empty.",
                "Say what the mail is for.",
            )
        return
    if found := _MARKUP.search(text):
        yield document.finding(
            document.subject_place(found.start()),
            SUBJECT_RULES["markup"],
            "warning",
            f"The subject shows {found[0][:40]} as it is written: it is no HTML.",
            "Write plain text, and do not escape in it.",
        )
    first = len(text) - len(text.lstrip())
    if (end := text.find("\n", first)) >= 0 and (rest := text[end:]).strip():
        yield document.finding(
            document.subject_place(end + len(rest) - len(rest.lstrip())),
            SUBJECT_RULES["several-lines"],
            "warning",
            "The subject is one line, and its file holds several: they are sent as one.",
            "Keep one line; {#- -#} around tags keeps line breaks out.",
        )


FILE_RULES = RuleGroup("file", "byte-order-mark")

_MARK = "\ufeff"


def check_byte_order_marks(document: Document) -> Iterator[Finding]:
    for text, place_of in (
        (document.markup, document.place),
        (document.text, document.text_place),
        (document.subject_file, document.subject_place),
    ):
        places = (place_of(offset) for offset, letter in enumerate(text) if letter == _MARK) if _MARK in text else ()
        for place in places:
            if place == Place(place.file):
                yield document.finding(
                    place,
                    FILE_RULES["byte-order-mark"],
                    "warning",
                    "The file begins with a byte order mark, which becomes a part of the mail.",
                    "Save it as UTF-8 without a BOM.",
                )


DJANGO_RULES = RuleGroup("django", "undefined")
LIQUID_RULES = RuleGroup("liquid", "undefined")
_UNDEFINED_RULES = {"Django": DJANGO_RULES, "Liquid": LIQUID_RULES}


def check_undefined(document: Document) -> Iterator[Finding]:
    for name, place in document.undefined:
        yield _UNDEFINED_RULES[document.engine]["undefined"].finding(
            place, "warning", f"'{name}' is not among the values, so nothing stands there.", _fix(name, document)
        )


def _fix(name: str, document: Document) -> str:
    above, _, last = name.rpartition(".")
    values: object = document.values
    for part in above.split(".") if above else ():
        values = values.get(part) if isinstance(values, dict) else None
    known = [*values] if isinstance(values, dict) else []
    close = get_close_matches(last, known, n=1)
    if close:
        return f"Did you mean {f'{above}.' if above else ''}{close[0]}?"
    return f"The sample {document.sample} lacks it: add it there, give it a default, or do not print it."
