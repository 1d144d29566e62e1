"""A byte order mark at the start of a file: Jinja hands it on, and it becomes a part of the mail."""

from collections.abc import Iterator

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, RuleGroup

RULES = RuleGroup("file", "byte-order-mark")

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
                    RULES["byte-order-mark"],
                    "warning",
                    "The file begins with a byte order mark, which becomes a part of the mail.",
                    "Save it as UTF-8 without a BOM.",
                )
