"""The HTML that an author wrote: inside mj-text, mj-table, mj-raw and their like, or a whole page of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from keyturn.mail.rendering.html_tree import Element, parse_html

# What these hold is no HTML: text for the head, or styles.
_NO_HTML = frozenset(("mj-title", "mj-preview", "mj-style", "mj-breakpoint", "mj-font", "mj-include"))


@dataclass(frozen=True, slots=True)
class AuthoredStyle:
    """A stylesheet; `inlined` where its rules become style attributes, so its selectors are not sent."""

    css: str
    offset: int
    inlined: bool


def html_in_mjml(mjml: str, root: Element) -> Element:
    """Return one tree of all the HTML in the MJML, with the offsets that it has there."""
    html = Element("", 0, root.offset, inner=root.inner, end=root.end)
    _add_html(mjml, root, html)
    return html


def authored_styles(source: str, root: Element, html: Element) -> Iterator[AuthoredStyle]:
    """Yield each stylesheet of the author: of mj-style in the MJML, and of style elements in the HTML."""
    sheets = [element for element in root.walk() if element.tag == "mj-style"]
    for element in (*sheets, *(element for element in html.walk() if element.tag == "style")):
        css = source[element.inner.start : element.inner.stop]
        yield AuthoredStyle(css, element.inner.start, inlined=element.get("inline") == "inline")


def _add_html(mjml: str, element: Element, html: Element) -> None:
    is_html = bool(element.tag) and not element.tag.startswith("mj")
    if is_html:  # which stands between elements of MJML
        html = html.add(replace(element, nodes=[], children=[]))
    if not element.children and element.tag not in _NO_HTML:
        written = parse_html(mjml[element.inner.start : element.inner.stop], element.inner.start)
        for node in written.nodes:
            html.add(node) if isinstance(node, Element) else html.nodes.append(node)
        return
    for node in element.nodes:
        if isinstance(node, Element):
            _add_html(mjml, node, html)
        elif is_html:
            html.nodes.append(node)
