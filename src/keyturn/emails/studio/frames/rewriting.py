"""A mail's HTML with attributes of its tags changed. All else stays as it is, to the byte."""

from collections.abc import Iterable
from html import escape

from keyturn.mail.rendering.html_tree import Element, parse_html, splice


class Rewriting:
    """Collects changes until `text` puts them in place. Of two to one attribute the last one counts."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._changes: dict[tuple[int, int], str] = {}
        self.root = parse_html(html)
        self.tags: Iterable[Element] = tuple(tag for tag in self.root.walk() if tag.tag)

    def set(self, tag: Element, name: str, value: str) -> None:
        """Give a tag an attribute, or another value for it."""
        written = f'"{escape(value)}"'
        if attribute := tag.attributes.get(name):
            self._changes[attribute.offset, attribute.end] = f"{name}={written}"
            return
        place = tag.behind_name, tag.behind_name
        waiting = self._changes.get(place, "")
        self._changes[place] = f"{waiting} {name}={written}"

    def remove(self, tag: Element, name: str) -> None:
        if attribute := tag.attributes.get(name):
            self._changes[attribute.offset, attribute.end] = ""

    def add_style(self, tag: Element, declarations: str) -> None:
        """Add to what a tag's own style says."""
        own = tag.get("style").strip().rstrip(";")
        self.set(tag, "style", f"{own};{declarations}" if own else declarations)

    def replace_inside(self, tag: Element, text: str) -> None:
        """Put a text in place of what stands between two tags."""
        self._changes[tag.inner.start, tag.inner.stop] = text

    def source_inside(self, tag: Element) -> str:
        return self._html[tag.inner.start : tag.inner.stop]

    def text(self) -> str:
        return splice(self._html, ((*place, change) for place, change in self._changes.items()))
