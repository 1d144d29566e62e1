"""HTML in which everything drawn names the element of the MJML, or the tag of plain HTML, that it comes from."""

import re
from collections.abc import Iterable, Iterator

from keyturn.emails.lint.markup.mjml_parser import HtmlTag
from keyturn.emails.lint.markup.structure import body_of
from keyturn.mail.rendering.html_tree import Element, splice
from keyturn.mail.rendering.mjml import to_html

PREFIX = "kt-"
_CLASS = re.compile(rf"{PREFIX}(\d{{1,9}})(?:-outlook)?")
_KEY = re.compile(rf'data-keyturn="(\d+)"|\b({PREFIX}\d+)\b')


def mark_mjml(mjml: str, root: Element, html_tags: Iterable[HtmlTag]) -> str:
    """Compile the MJML to HTML that leads back to the MJML.

    `kt-NUMBER` is among the classes of what each body element draws, and `data-keyturn="OFFSET"` on the tags that the
    author wrote in HTML: the compiler hands both through.
    """
    body = body_of(root)
    return to_html(splice(mjml, _additions(root, body, html_tags) if body else ()))


def mark_html(html: str, root: Element) -> str:
    """Return the HTML with `data-keyturn="OFFSET"` on each of its tags."""
    return splice(html, (_offset_mark(element) for element in root.walk() if element.tag))


def number_of_class(class_name: str) -> int | None:
    found = _CLASS.fullmatch(class_name)
    return int(found[1]) if found else None


def keys_in(marked: str) -> set[str]:
    """Return what stands for elements and tags in HTML that was marked."""
    return {found[1] or found[2] for found in _KEY.finditer(marked)}


def _additions(root: Element, body: Element, html_tags: Iterable[HtmlTag]) -> Iterator[tuple[int, int, str]]:
    for element in body.walk():
        if "css-class" in element.attributes:
            place = element.attributes["css-class"].value_offset
            yield place, place, f"{PREFIX}{element.number} "
        elif element.tag.startswith("mj-") and element.tag != "mj-raw":
            classes = " ".join([f"{PREFIX}{element.number}", *_inherited_classes(root, element)])
            yield element.behind_name, element.behind_name, f' css-class="{classes}"'
    yield from (_offset_mark(tag) for tag in html_tags if tag.offset in body.inner)


def _offset_mark(tag: Element | HtmlTag) -> tuple[int, int, str]:
    return tag.behind_name, tag.behind_name, f' data-keyturn="{tag.offset}"'


def _inherited_classes(root: Element, element: Element) -> list[str]:
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
