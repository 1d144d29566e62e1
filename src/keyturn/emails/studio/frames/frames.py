"""The mail as a document of its own, for a sandboxed frame: it is drawn, and does nothing else."""

import re

from litestar import MediaType, Response

from keyturn.emails.inbox.inline_images import with_inline_images
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.studio.frames.heads import insert_in_head
from keyturn.emails.studio.view import Scheme, View

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
"""Characters of HTML that are changed for a view: every tag is looked at, which takes seconds."""

# A preview's links hold made-up tokens on real hosts. Every one aims at a new tab (`<base target>`), which a sandbox
# without allow-popups refuses before any request (HTML Standard 7.1.5, "sandboxed auxiliary navigation"): no link is
# followed by accident. allow-same-origin lets the page around it read the height and keep the place; without
# allow-scripts it gives the mail itself nothing.
PREVIEW = "allow-same-origin"

# A captured mail's links are there to be followed: each opens a tab of its own that is free of the sandbox. The mail
# has an origin of its own, so to the site that is opened it comes from elsewhere, as from a webmail.
CAPTURED = "allow-popups allow-popups-to-escape-sandbox"


class TooLong(Exception):
    """The mail is too long to be changed as the view asks."""


def captured_frame(
    content: MailContent, mail_id: str, view: View, sandbox: str = CAPTURED, html: str | None = None
) -> Response[str]:
    """Answer with a captured mail, without what lies elsewhere unless the reader asked for it.

    `html` is the mail's own with marks. Raises TooLong: of a long mail, images are held back by the policy alone.
    """
    html, view = content.html if html is None else html, view.as_loaded(mail_id).to(fonts="off")
    if len(content.html) <= _CHANGED_AT_MOST:
        html = apply_view(html, view)
    elif view.scheme in ("partial", "full", "word") or view.dir or view.images == "off":
        raise TooLong
    else:
        html = force_scheme(html, view.scheme)
    return answer(with_inline_images(content, html), view, sandbox)


def frame(html: str, view: View, sandbox: str) -> Response[str]:
    """Answer with the mail as the view has it."""
    return answer(apply_view(html, view), view, sandbox)


def answer(html: str, view: View, sandbox: str) -> Response[str]:
    """Answer with the mail. The header repeats the sandbox, for who opens the address without the frame."""
    if view.images != "on" and view.fonts == "off":
        from keyturn.emails.studio.frames.images import without_hints

        html = without_hints(html)
    return Response(
        insert_in_head(html, '<base target="_blank">'),
        media_type=MediaType.HTML,
        headers={
            "content-security-policy": _POLICY.format(
                sandbox=sandbox, images=_IMAGES[view.images], fonts=_FONTS[view.fonts], styles=_STYLES[view.fonts]
            )
        },
    )


def apply_view(html: str, view: View) -> str:
    """Return the mail in the scheme and the direction that are wanted, with images or without.

    What reads the mail to change it is loaded for the first that is changed: most are shown as they are.
    """
    if view.dir:
        from keyturn.emails.studio.frames.direction import set_direction

        html = set_direction(html, view.dir)
    if view.scheme in ("partial", "full"):
        from keyturn.emails.studio.frames.dark_simulation import MODES, simulate_dark

        html = simulate_dark(html, MODES[view.scheme])
    if view.scheme == "word":
        from keyturn.emails.studio.frames.word_simulation import simulate_word

        html = simulate_word(html)
    if view.images != "on":
        from keyturn.emails.studio.frames.images import remove_images

        html = remove_images(html, keep_own=view.images == "own")
    if _OWN_SCHEME.search(html):
        from keyturn.emails.studio.frames.own_scheme import decide_own_scheme

        html = decide_own_scheme(html, view.scheme)
    return force_scheme(html, view.scheme)


def force_scheme(html: str, scheme: Scheme) -> str:
    """Decide the mail's own `prefers-color-scheme` queries, whatever the machine prefers.

    The property color-scheme on the frame would do it in some browsers, not in all; a query that is always or never
    true does. A client that inverts knows no such query.
    """
    return _SCHEME.sub(lambda query: "(min-width: 0)" if query[1].lower() == scheme else "(max-width: 0)", html)
