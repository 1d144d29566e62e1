"""HTML with marks that name the source of each element: an element of MJML, or a tag of HTML."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from keyturn.mail.rendering.compiling import to_html
from keyturn.mail.rendering.html_tree import Element, splice
from keyturn.studio.lint.markup.structure import body_of, default_rules, rules_for

PREFIX = "kt-"
_CLASS = re.compile(rf"{PREFIX}(\d{{1,9}})(?:-outlook)?")
_OFFSET = re.compile("[0-9]{1,9}")
_KEY = re.compile(rf'data-keyturn="\d+"|\b{PREFIX}\d+\b')
_MARK = re.compile(
    rf' data-keyturn="\d{{1,9}}"| (?:css-)?class="{PREFIX}\d{{1,9}}(?:-[a-z]{{1,9}})?"'
    rf'|(?<="){PREFIX}\d{{1,9}}(?:-[a-z]{{1,9}})? | {PREFIX}\d{{1,9}}(?:-[a-z]{{1,9}})?(?=[ "])'
)


def compile_with_marks(mjml: str, root: Element) -> tuple[str, str]:
    """Compile MJML to HTML, and return it without and with marks.

    Raises ValueError as `to_html` does.

    Elements of the body get the class `kt-NUMBER`, tags of the author's HTML
    `data-keyturn="OFFSET"`. MJML that compiles only without them, or has some of its own, gets
    none.
    """
    if not _KEY.search(mjml):
        with suppress(ValueError):  # a message without marks has the offsets of the source
            marked = to_html(splice(mjml, _additions(root)))
            return _MARK.sub("", marked), marked
    html = to_html(mjml)
    return html, html


def mark_html(html: str, root: Element) -> str:
    """Return the HTML with `data-keyturn="OFFSET"` on each of its tags."""
    return splice(html, map(_offset_mark, root.walk()))


def _additions(root: Element) -> Iterator[tuple[int, int, str]]:
    body = body_of(root)
    if body is None:
        return
    rules = default_rules(root)
    for element in body.walk():
        if element.holder:
            yield _offset_mark(element)
        elif "css-class" in element.attributes:
            place = element.attributes["css-class"].value_offset
            yield place, place, f"{PREFIX}{element.number} "
        elif element.tag.startswith("mj-") and element.tag != "mj-raw":
            classes = [f"{PREFIX}{element.number}"]
            for rule in rules_for(rules, element):  # an attribute of its own replaces theirs
                if "css-class" in rule.attributes:
                    classes.append(rule.get("css-class"))
            addition = f' css-class="{" ".join(classes)}"'
            yield element.behind_name, element.behind_name, addition


def _offset_mark(tag: Element) -> tuple[int, int, str]:
    return tag.behind_name, tag.behind_name, f' data-keyturn="{tag.offset}"'


class SourceMark(NamedTuple):
    """What a mark names: the offset of a tag, or the number of the element that renders it."""

    offset: int | None = None
    number: int = 0


def source_marks(node: Element) -> Iterator[SourceMark]:
    written = node.get("data-keyturn")
    if _OFFSET.fullmatch(written):
        yield SourceMark(offset=int(written))
    for name in node.get("class").split():
        if mark := _CLASS.fullmatch(name):
            yield SourceMark(number=int(mark[1]))
