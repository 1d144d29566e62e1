"""A mail's own colour scheme as the drawn one: which of those that it can be in, whatever the machine prefers."""

import re

from keyturn.emails.studio.frames.rewriting import Rewriting
from keyturn.emails.studio.view import Scheme

_DECLARATION = re.compile(r"(?<![\w-])(color-scheme\s*:)([^;{}!]*)", re.IGNORECASE)


def decide_own_scheme(html: str, scheme: Scheme) -> str:
    """Return the HTML with one scheme wherever its `color-scheme` lets the browser choose between two.

    It colours links, fields and the ground that a mail leaves alone (CSS Color Adjust 1, 2). What says only one scheme
    keeps it, except where a client is drawn that knows no such property: there nothing makes a mail dark.
    """
    rewriting = Rewriting(html)
    for tag in rewriting.tags:
        if tag.tag == "meta" and tag.get("name").strip().lower() == "color-scheme":
            rewriting.set(tag, "content", _chosen(tag.get("content"), scheme))
        elif tag.tag == "style" and _DECLARATION.search(css := rewriting.source_inside(tag)):
            rewriting.replace_inside(tag, _in_css(css, scheme))
        if _DECLARATION.search(style := tag.get("style")):
            rewriting.set(tag, "style", _in_css(style, scheme))
    return rewriting.text()


def _in_css(css: str, scheme: Scheme) -> str:
    return _DECLARATION.sub(lambda found: f"{found[1]}{_chosen(found[2], scheme)}", css)


def _chosen(value: str, scheme: Scheme) -> str:
    words = value.lower().split()
    if scheme in ("light", "dark"):
        return scheme if "light" in words and "dark" in words else value
    return "light" if "dark" in words else value
