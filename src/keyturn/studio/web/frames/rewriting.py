"""A mail's HTML, changed for a view: some attributes and styles.

All other bytes stay as they are.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape

from keyturn.hosts import split_address
from keyturn.mail.rendering.html_tree import Element, parse_html, splice


class Rewriting:
    """Collects changes until `text` applies them. Of two changes to one attribute, the last
    counts.

    `_changes`: texts by the range that each replaces. `_added`: attributes that tags lack, by the
    offset behind the tag's name.
    """

    def __init__(self, html: str) -> None:
        self._html = html
        self._changes: dict[tuple[int, int], str] = {}
        self._added: dict[int, dict[str, str]] = {}
        self.root = parse_html(html)
        self.tags: Iterable[Element] = tuple(self.root.walk())

    def set(self, tag: Element, name: str, value: str) -> None:
        """Give a tag an attribute, in place of one of this name."""
        written = f'{name}="{escape(value)}"'
        attribute = tag.attributes.get(name)
        if attribute:
            self._changes[attribute.offset, attribute.end] = written
        else:
            self._added.setdefault(tag.behind_name, {})[name] = written

    def add_style(self, tag: Element, declarations: str) -> None:
        own = tag.get("style").strip().rstrip(";")
        if own:
            declarations = f"{own};{declarations}"
        self.set(tag, "style", declarations)

    def replace_inside(self, tag: Element, text: str) -> None:
        self._changes[tag.inner.start, tag.inner.stop] = text

    def source_inside(self, tag: Element) -> str:
        return self._html[tag.inner.start : tag.inner.stop]

    def text(self) -> str:
        """Return the HTML with all changes."""
        changes = []
        for (start, stop), text in self._changes.items():
            changes.append((start, stop, text))
        for place, attributes in self._added.items():
            written = " ".join(attributes.values())
            changes.append((place, place, f" {written}"))
        return splice(self._html, changes)


# What may stand before a doctype and leaves it one, in forms that a parser cannot end elsewhere:
# blanks, comments and instructions without a ">" within; and the doctype, which ends at its first
# ">" (HTML Standard 13.2.5.53 to .68).
_DOCTYPE = re.compile(
    r"\ufeff?(?:[\t\n\f\r ]|<!--(?!-?>)[^>]*-->|<\?[^>]*>)*<!doctype[^>]*>",
    re.IGNORECASE | re.ASCII,
)


def insert_in_head(html: str, markup: str) -> str:
    """Return the HTML with the markup before everything but the doctype, which decides how a
    browser renders the rest.

    A parser moves metadata before any other element into the head, and adds the attributes of a
    following <html> to the element (HTML Standard 13.2.6.4.3, 13.2.6.4.4). A place behind a tag of
    the mail could lie in a comment.
    """
    doctype = _DOCTYPE.match(html)
    place = doctype.end() if doctype else 0
    return html[:place] + markup + html[place:]


_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)]*))\s*\)""", re.IGNORECASE)
_ATTRIBUTES = {
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "input": ("src",),
    "video": ("poster",),
    "image": ("href", "xlink:href"),
}
"""Attributes that name an image; `background` does so on any element (HTML, 15.3)."""

_HINT = re.compile(r"<link(?=[\s/])|<iframe(?=[\s/>])", re.IGNORECASE)
_WITHOUT_EFFECT = {"<link": "<link rel=none ", "<iframe": "<iframe srcdoc data-left-out "}
"""Of two attributes of one name, the first counts (HTML, 13.2.5.33)."""


def without_hints(html: str) -> str:
    """Return the HTML without what connects to a host despite the policy: links (Resource Hints,
    2), nested documents.

    The HTML may be of any length, so it is not parsed.
    """
    return _HINT.sub(_disarm, html)


def _disarm(hint: re.Match[str]) -> str:
    return _WITHOUT_EFFECT[hint[0].lower()]


@lru_cache(4)  # each save has three pages of the same mail
def remote_hosts(html: str) -> tuple[str, ...]:
    """Return the hosts of all images, each once."""
    hosts: dict[str, None] = {}
    for tag in parse_html(html).walk():
        for address in _addresses(tag):
            parts = split_address(address)
            if parts.hostname and parts.scheme in ("", "http", "https"):
                hosts[parts.hostname] = None
    return tuple(hosts)


def _addresses(tag: Element) -> Iterator[str]:
    """Yield what a tag and its styles name as images; some of it is empty."""
    for name in (*_ATTRIBUTES.get(tag.tag, ()), "background"):
        first, _, _ = tag.get(name).strip().partition(" ")  # a srcset has several
        yield first
    styles = [tag.get("style")]
    if tag.tag == "style":
        styles += [text.text for text in tag.texts]
    for css in styles:
        # So that an unclosed address is not searched again each time.
        closed = css[: css.rfind(")") + 1]
        for url in _URL.finditer(closed):
            yield (url[1] or url[2] or url[3] or "").strip()
