"""HTML in which everything drawn names the element of the MJML, or the tag of plain HTML, that it comes from."""

import re
from collections.abc import Iterable

from keyturn.emails.lint.markup.mjml_parser import HtmlTag
from keyturn.mail.rendering.html_tree import Element
from keyturn.mail.rendering.mjml import to_html

PREFIX = "kt-"
_CLASS = re.compile(rf"{PREFIX}(\d+)(?:-outlook)?")
_NAME = re.compile(r"<[^\s/>]+")


def mark_mjml(mjml: str, root: Element, html_tags: Iterable[HtmlTag]) -> str:
    """Compile the MJML to HTML that leads back to the MJML.

    `kt-NUMBER` is among the classes of what each body element draws, and `data-keyturn="OFFSET"` on the tags that the
    author wrote in HTML: the compiler hands both through.
    """
    body = root.find("mj-body")
    return to_html(_with_additions(_additions(mjml, root, body, html_tags) if body else [], mjml))


def mark_html(html: str, root: Element) -> str:
    """Return the HTML with `data-keyturn="OFFSET"` on each of its tags."""
    return _with_additions([_offset_at(html, element.offset) for element in root.walk() if element.tag], html)


def number_of_class(class_name: str) -> int | None:
    """Return the number of the element that a class names."""
    found = _CLASS.fullmatch(class_name)
    return int(found[1]) if found else None


def _additions(mjml: str, root: Element, body: Element, html_tags: Iterable[HtmlTag]) -> list[tuple[int, str]]:
    additions = []
    for element in body.walk():
        if "css-class" in element.attributes:
            additions.append((element.attributes["css-class"].value_offset, f"{PREFIX}{element.number} "))
        elif element.tag.startswith("mj-") and element.tag != "mj-raw":
            classes = " ".join([f"{PREFIX}{element.number}", *_inherited(root, element)])
            additions.append((_behind_name(mjml, element.offset), f' css-class="{classes}"'))
    return additions + [_offset_at(mjml, tag.offset) for tag in html_tags if tag.offset in body.inner]


def _offset_at(source: str, offset: int) -> tuple[int, str]:
    return _behind_name(source, offset), f' data-keyturn="{offset}"'


def _inherited(root: Element, element: Element) -> list[str]:
    """Return the classes that mj-attributes would give the element if it had no `css-class` of its own."""
    wanted = element.get("mj-class").split()
    return [
        rule.get("css-class")
        for attributes in root.walk()
        if attributes.tag == "mj-attributes"
        for rule in attributes.children
        if rule.tag in (element.tag, "mj-all") or (rule.tag == "mj-class" and rule.get("name") in wanted)
        if "css-class" in rule.attributes
    ]


def _behind_name(mjml: str, offset: int) -> int:
    found = _NAME.match(mjml, offset)
    return found.end() if found else offset


def _with_additions(additions: list[tuple[int, str]], source: str) -> str:
    parts, behind = [], 0
    for offset, addition in sorted(additions):
        parts += [source[behind:offset], addition]
        behind = offset
    return "".join([*parts, source[behind:]])
