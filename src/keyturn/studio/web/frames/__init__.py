"""The mail as a document of its own, in a sandboxed frame that draws it and runs nothing.

The frame of a preview blocks scripts and links, so a token link cannot be followed by accident. The links of a captured
mail open a new tab, cross-site, as from webmail. The server decides light or dark by rewriting the media queries, so
the preference of the machine does not matter.
"""

import re
from html import escape
from urllib.parse import quote

from litestar import MediaType, Response

from keyturn.studio.inbox.mail import MailContent, with_inline_images
from keyturn.studio.web.frames.client_models import MODES, simulate_dark, simulate_word
from keyturn.studio.web.frames.rewriting import (
    decide_own_scheme,
    insert_in_head,
    label_images,
    remove_images,
    set_direction,
    without_hints,
)
from keyturn.studio.web.view import Scheme, View

_OWN_SCHEME = re.compile(r"(?<![\w-])color-scheme(?![\w-])", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_POLICY = (
    "sandbox {sandbox}; default-src 'none'; style-src 'unsafe-inline'{styles}; font-src {fonts}; "
    "img-src {images}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_FONTS = {"on": "data: https:", "off": "data:"}
_STYLES = {"on": " https:", "off": ""}  # a web font comes by a stylesheet of its own
_IMAGES = {"on": "data: https: http:", "own": "data:", "off": "'none'"}

_CHANGED_AT_MOST = 512 * 1024
"""Characters of HTML that are changed for a view: looking at every tag of more takes seconds."""

# The links of a preview hold made-up tokens on real hosts. Every link aims at a new tab (`<base target>`). A sandbox
# without allow-popups refuses it before any request (HTML Standard 7.1.5, "sandboxed auxiliary navigation"), so no link
# is followed by accident. allow-same-origin lets the page around it read the height and keep the place. Without
# allow-scripts, the mail itself gains nothing from that.
PREVIEW = "allow-same-origin"

# The links of a captured mail can be followed: each opens a new tab outside the sandbox. The mail has an origin of its
# own, so the opened site sees a visit from another site, as from webmail.
CAPTURED = "allow-popups allow-popups-to-escape-sandbox"


class MailTooLong(Exception):
    """The mail is too long to be changed as the view asks."""


def captured_frame(
    content: MailContent, mail_id: str, view: View, sandbox: str = CAPTURED, html: str | None = None
) -> Response[str]:
    """Answer with a captured mail, with remote content only if the reader asked for it.

    `html`: the marked HTML of the mail. Raises MailTooLong: in a long mail, only the policy holds images back.
    """
    html, view = content.html if html is None else html, view.as_loaded(mail_id).to(fonts="off")
    if len(content.html) <= _CHANGED_AT_MOST:
        html = apply_view(html, view)
    elif view.scheme in ("partial", "full", "word") or view.dir or view.images == "off":
        raise MailTooLong
    else:
        html = force_scheme(html, view.scheme)
    return answer(with_inline_images(content, html), view, sandbox)


def answer(html: str, view: View, sandbox: str) -> Response[str]:
    """Answer with the mail. The header repeats the sandbox, in case the address is opened without the frame."""
    if view.images != "on" and view.fonts == "off":
        html = without_hints(html)
    return Response(
        insert_in_head(label_images(html), '<base target="_blank">'),
        media_type=MediaType.HTML,
        headers={
            "content-security-policy": _POLICY.format(
                sandbox=sandbox, images=_IMAGES[view.images], fonts=_FONTS[view.fonts], styles=_STYLES[view.fonts]
            )
        },
    )


_TEXT = """<!doctype html><meta name="color-scheme" content="light dark">\
<pre style="margin:24px;font:16px/24px ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>"""

_FAULT = """<pre style="margin:0;padding:12px 16px;background:#b3261e;color:#fff;font:16px/24px ui-monospace,monospace;\
white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>"""


def page_of_text(text: str) -> str:
    return _TEXT.format(escape(text))


def with_fault(html: str, reason: str) -> str:
    """Return a mail of which parts fail below what is wrong with it."""
    return insert_in_head(html, _FAULT.format(escape(reason)))


def apply_view(html: str, view: View) -> str:
    """Return the mail in the scheme and direction of the view, with images or without."""
    if view.dir:
        html = set_direction(html, view.dir)
    if view.scheme in ("partial", "full"):
        html = simulate_dark(html, MODES[view.scheme])
    if view.scheme == "word":
        html = simulate_word(html)
    if view.images != "on":
        html = remove_images(html, keep_own=view.images == "own")
    if _OWN_SCHEME.search(html):
        html = decide_own_scheme(html, view.scheme)
    return force_scheme(html, view.scheme)


def force_scheme(html: str, scheme: Scheme) -> str:
    """Decide the `prefers-color-scheme` queries of the mail, whatever the machine prefers.

    The property color-scheme on the frame does it only in some browsers; a query that is always or never true does it
    in all. A client that inverts colours knows no such query.
    """
    return _SCHEME.sub(lambda query: "(min-width: 0)" if query[1].lower() == scheme else "(max-width: 0)", html)


def attached(content: bytes, content_type: str, name: str) -> Response[bytes]:
    """Answer with a file to save (RFC 6266). If a browser shows it, its policy blocks everything (CSP Level 3)."""
    headers = {
        "content-disposition": content_disposition(name),
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type=content_type, headers=headers)


def content_disposition(name: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in name)
    plain = plain.replace("\\", "_").replace('"', "_")
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")
