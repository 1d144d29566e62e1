"""The mail as a document of its own, in a sandboxed frame that renders it and runs nothing.

The server decides light or dark by rewriting the media queries, whatever the machine prefers.
Renderers use this package, so it knows no web framework: `pages/frame_answers` sends the mail.
"""

import re
from html import escape

from keyturn.studio.lint.document import Document
from keyturn.studio.web.frames.client_models import MODES, simulate_dark, simulate_word
from keyturn.studio.web.frames.rewriting import insert_in_head
from keyturn.studio.web.view import Scheme, View

_TWO_SCHEMES = re.compile(r"\b(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_ALWAYS = "(min-width: 0)"
_NEVER = "(max-width: 0)"

# The links of a preview hold made-up tokens on real hosts. Every link aims at a new tab (`<base
# target>`). A sandbox without allow-popups refuses it before any request (HTML Standard 7.1.5,
# "sandboxed auxiliary navigation"), so no link is followed by accident. allow-same-origin lets the
# page around it read the height and keep the place. Without allow-scripts, the mail itself gains
# nothing from that.
PREVIEW = "allow-same-origin"

# The links of a captured mail open a new tab, which sees a visit from another site, as from
# webmail.
CAPTURED = "allow-popups allow-popups-to-escape-sandbox"

_TEXT = """<!doctype html><meta name="color-scheme" content="light dark">\
<pre style="margin:24px;font:16px/24px ui-monospace,monospace;\
white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>"""


def page_of_text(text: str) -> str:
    """Return a text part as a page."""
    return _TEXT.format(escape(text))


def frame_of(document: Document, view: View) -> str:
    return apply_view(document.marked_html, view)


def apply_view(html: str, view: View) -> str:
    """Return the mail in the scheme of the view."""
    if view.scheme in ("partial", "full"):
        html = simulate_dark(html, MODES[view.scheme])
    if view.scheme == "word":
        html = simulate_word(html)
    return force_scheme(_decide_own_scheme(html, view.scheme), view.scheme)


def _decide_own_scheme(html: str, scheme: Scheme) -> str:
    """Return the HTML with one scheme if its `color-scheme` lets the browser choose between two.

    A mail with a single scheme keeps it (CSS Color Adjust 1, 2), except in models of clients that
    ignore the property.
    """
    if scheme in ("light", "dark") and not _TWO_SCHEMES.search(html):
        return html
    decided = "dark" if scheme == "dark" else "light"
    return insert_in_head(html, f"<style>html,body{{color-scheme:{decided}!important}}</style>")


def force_scheme(html: str, scheme: Scheme) -> str:
    """Decide `prefers-color-scheme` queries: `color-scheme` does so in few browsers.

    Inverting clients know none.
    """

    def decide(query: re.Match[str]) -> str:
        return _ALWAYS if query[1].lower() == scheme else _NEVER

    return _SCHEME.sub(decide, html)
