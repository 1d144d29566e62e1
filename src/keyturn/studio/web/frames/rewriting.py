"""A mail's HTML, changed for a view: some attributes and styles. All other bytes stay as they are.

Images are removed for the looks, as most clients ask before they load remote content: each request tells a host that
the mail was opened. The policy of the frame is what prevents requests.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from urllib.parse import urlsplit

from keyturn.mail.rendering.html_tree import Element, attribute_value, parse_html, splice


class Rewriting:
    """Collects changes until `text` applies them. Of two changes to one attribute, the last counts."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._changes: dict[tuple[int, int], str] = {}
        self.root = parse_html(html)
        self.tags: Iterable[Element] = tuple(tag for tag in self.root.walk() if tag.tag)

    def set(self, tag: Element, name: str, value: str) -> None:
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
        own = tag.get("style").strip().rstrip(";")
        self.set(tag, "style", f"{own};{declarations}" if own else declarations)

    def replace_inside(self, tag: Element, text: str) -> None:
        self._changes[tag.inner.start, tag.inner.stop] = text

    def source_inside(self, tag: Element) -> str:
        return self._html[tag.inner.start : tag.inner.stop]

    def text(self) -> str:
        return splice(self._html, ((*place, change) for place, change in self._changes.items()))


# What may stand before a doctype and leaves it one, in forms that a parser cannot end elsewhere: blanks, comments and
# instructions without a ">" within; and the doctype, which ends at its first ">" (HTML Standard 13.2.5.53 to .68).
_DOCTYPE = re.compile(r"\ufeff?(?:[\t\n\f\r ]|<!--(?!-?>)[^>]*-->|<\?[^>]*>)*<!doctype[^>]*>", re.IGNORECASE | re.ASCII)


def insert_in_head(html: str, markup: str) -> str:
    """Return the HTML with the markup before everything but the doctype, which decides how a browser renders the rest.

    A parser moves metadata before any other element into the head, and adds the attributes of a following <html> to the
    element (HTML Standard 13.2.6.4.3, 13.2.6.4.4). A place behind a tag of the mail could lie in a comment, where the
    markup would be ignored.
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

_OWN = ("data:", "cid:")
"""How a mail refers to an embedded image (RFC 2397, RFC 2392)."""

_LONGEST_NAME = 60
_HINT = re.compile(r"<link(?=[\s/])|<iframe(?=[\s/>])", re.IGNORECASE)
_WITHOUT_EFFECT = {"<link": "<link rel=none ", "<iframe": "<iframe srcdoc data-left-out "}
"""Of two attributes of one name, the first counts (HTML, 13.2.5.33)."""

# A box of the image's size, which is what Gmail and Outlook leave in its place. The mail sets how the text in it looks.
# Browsers render the pseudo-elements only of an image that they cannot show and that has an alt text, so one without it
# gets a blank. A box that has room for the alt text alone leaves the name of the file out. An image whose height only
# the file knows gets a third of its width, and one of unknown width gets room for the name.
_BOX = """<style>:where(img[data-file],img:not([src])){position:relative;display:inline-block}
:where(img[data-file]:not([width][height]),img[data-file][height=auto]){aspect-ratio:auto 3/1}
:where(img[data-file]:not([src],[width],[style*=width])){min-width:120px}
img[data-file]::before{content:"";position:absolute;inset:0;background-image:linear-gradient(rgb(128 128 128/12%) 0 0);\
outline:1px solid rgb(128 128 128/50%);outline-offset:-1px}
img[data-file]::after{content:attr(data-file) " is broken";position:absolute;inset:auto 2px 0;overflow:hidden;\
height:clamp(0px,(100% - 34px)*99,18px);max-width:clamp(0px,(100% - 39px)*99,100%);white-space:nowrap;\
text-overflow:ellipsis;text-align:start;font:10px/16px ui-monospace,monospace}
img[data-file][alt=" "]::after{height:clamp(0px,(100% - 17px)*99,18px)}img[data-file=""]::after{content:"no address"}
img[data-file]:not([src]){visibility:hidden;&::after{visibility:visible;content:attr(data-file)}
&::before{visibility:visible;content:attr(alt);overflow:hidden;border-radius:inherit;background-color:inherit}}
img:not([src]){outline:1px solid rgb(128 128 128/45%)!important;outline-offset:-1px}</style>"""


def remove_images(html: str, *, keep_own: bool = False) -> str:
    """Return the HTML without images to load, from any attribute or style. `keep_own`: keeps embedded images."""
    rewriting = Rewriting(html)
    for tag in rewriting.tags:
        for name in (*_ATTRIBUTES.get(tag.tag, ()), "background"):
            if not (keep_own and _is_own(tag.get(name))):
                if (tag.tag, name) == ("img", "src") and name in tag.attributes:
                    rewriting.set(tag, "data-file", _file_of(tag.get(name)))
                rewriting.remove(tag, name)
        if (style := tag.get("style")) != (changed := _without_urls(style, keep_own=keep_own)):
            rewriting.set(tag, "style", changed)
        if tag.tag == "style" and (css := rewriting.source_inside(tag)) != (
            changed := _without_urls(css, keep_own=keep_own)
        ):
            rewriting.replace_inside(tag, changed)
    return rewriting.text()


_IMAGE = re.compile(r"""<img(?=\s)((?:[^<>"']|"[^"]*+"|'[^']*+')*+)""", re.IGNORECASE)
_SOURCE = re.compile(r"""\s(src|data-file)=(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_HAS_ALT = re.compile(r"""\salt\s*+=\s*+(?:"\s*+[^"]|'\s*+[^']|[^\s"'])""", re.IGNORECASE)
_HAS_TITLE = re.compile(r"\stitle\s*+=", re.IGNORECASE)


def label_images(html: str) -> str:
    """Return the HTML in which an image that cannot be shown is a box with its alt text and the name of its file.

    No script runs in the frame, so a style does it. The HTML may be of any length, so it is not parsed.
    """
    return insert_in_head(_IMAGE.sub(_label, html), _BOX) if "<img" in html.lower() else html


def _label(image: re.Match[str]) -> str:
    source = _SOURCE.search(image[1])
    if not source or source[3].startswith("data:"):
        return image[0]
    quote, named = source[2], escape(_file_of(attribute_value(source[3])))
    # With the same quotes, a tag that stands in the value of an attribute stays in it.
    added = "" if _HAS_TITLE.search(image[1]) else f" title={quote}{named}{quote}"
    added += "" if _HAS_ALT.search(image[1]) else f" alt={quote} {quote}"
    added += "" if source[1].lower() == "data-file" else f" data-file={quote}{named}{quote}"
    return f"{image[0][:4]}{added}{image[1]}"


def _file_of(address: str) -> str:
    """Return the end of an address, to be shown; an empty text for an image in the address itself."""
    if address.startswith("data:"):
        return ""
    return re.split("[?#]", address)[0].rpartition("/")[2][-_LONGEST_NAME:] or address[:_LONGEST_NAME]


def without_hints(html: str) -> str:
    """Return the HTML without elements that make a browser connect to a host or look it up despite the policy.

    These are links such as `preconnect` (Resource Hints, 2), also in a nested document. The HTML may be of any length,
    so it is not parsed.
    """
    return _HINT.sub(lambda found: _WITHOUT_EFFECT[found[0].lower()], html)


@lru_cache(4)  # each save has three pages of the same mail
def remote_hosts(html: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(host for tag in parse_html(html).walk() for host in _hosts(tag)))


def _hosts(tag: Element) -> Iterator[str]:
    for address in _addresses(tag):
        try:
            parts = urlsplit(address)
        except ValueError:  # such as "http://["
            continue
        if parts.hostname and parts.scheme in ("", "http", "https"):
            yield parts.hostname


def _addresses(tag: Element) -> Iterator[str]:
    for name in (*_ATTRIBUTES.get(tag.tag, ()), "background"):
        yield tag.get(name).strip().partition(" ")[0]  # the first of several in a srcset
    for css in (tag.get("style"), *(text.text for text in tag.texts if tag.tag == "style")):
        yield from map(_address_in, _URL.finditer(_up_to_last(css)))


def _without_urls(css: str, *, keep_own: bool) -> str:
    begun = _up_to_last(css)
    return _URL.sub(lambda url: url[0] if keep_own and _is_own(_address_in(url)) else "none", begun) + css[len(begun) :]


def _up_to_last(css: str) -> str:
    """Return CSS up to its last parenthesis, so that an unclosed address is not searched again each time."""
    return css[: css.rfind(")") + 1]


def _address_in(url: re.Match[str]) -> str:
    return next(filter(None, url.groups()), "").strip()


def _is_own(address: str) -> bool:
    return address.strip().lower().startswith(_OWN)
