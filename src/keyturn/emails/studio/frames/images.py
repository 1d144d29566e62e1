"""A mail without images, or with only its own.

Most clients ask before they load remote content, since each request tells a host that the mail was opened. Removing
images here is for the looks; the policy of the frame is what prevents requests.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from keyturn.emails.studio.frames.rewriting import Rewriting, insert_in_head
from keyturn.mail.rendering.html_tree import Element, parse_html

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

_HINT = re.compile(r"<link(?=[\s/])|<iframe(?=[\s/>])", re.IGNORECASE)
_WITHOUT_EFFECT = {"<link": "<link rel=none ", "<iframe": "<iframe srcdoc data-left-out "}
"""Of two attributes of one name, the first counts (HTML, 13.2.5.33)."""

# A box of the image's size, which is what Gmail and Outlook leave in its place. The mail sets how the text in it looks.
_BOX = (
    "<style>img:not([src]){display:inline-block;outline:1px solid rgb(128 128 128/45%)!important;outline-offset:-1px}"
    "</style>"
)


def remove_images(html: str, *, keep_own: bool = False) -> str:
    """Return the HTML without images to load, from any attribute or style. `keep_own`: keeps embedded images."""
    rewriting = Rewriting(html)
    for tag in rewriting.tags:
        for name in (*_ATTRIBUTES.get(tag.tag, ()), "background"):
            if not (keep_own and _is_own(tag.get(name))):
                rewriting.remove(tag, name)
        if (style := tag.get("style")) != (changed := _without_urls(style, keep_own=keep_own)):
            rewriting.set(tag, "style", changed)
        if tag.tag == "style" and (css := rewriting.source_inside(tag)) != (
            changed := _without_urls(css, keep_own=keep_own)
        ):
            rewriting.replace_inside(tag, changed)
    return insert_in_head(rewriting.text(), _BOX)


def without_hints(html: str) -> str:
    """Return the HTML without elements that make a browser connect to a host or look it up despite the policy.

    These are links such as `preconnect` (Resource Hints, 2), also in a nested document. The HTML may be of any length,
    so it is not parsed.
    """
    return _HINT.sub(lambda found: _WITHOUT_EFFECT[found[0].lower()], html)


def remote_hosts(html: str) -> list[str]:
    return list(dict.fromkeys(host for tag in parse_html(html).walk() for host in _hosts(tag)))


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
