"""Sends a mail to its frame, under a policy that runs nothing, and files to save."""

import re
from typing import Any
from urllib.parse import quote

from litestar import MediaType, Response
from litestar.exceptions import HTTPException

from keyturn.studio.gallery import Gallery
from keyturn.studio.inbox.mail import MailContent, with_inline_images
from keyturn.studio.renderers import LimitExceeded, Runner
from keyturn.studio.web.frames import CAPTURED, apply_view, force_scheme, page_of_text
from keyturn.studio.web.frames.rewriting import insert_in_head, without_hints
from keyturn.studio.web.view import View

_POLICY = (
    "sandbox {sandbox}; default-src 'none'; style-src 'unsafe-inline'; font-src data:; "
    "img-src {images}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_IMAGES = {"on": "data: https: http:", "own": "data:", "off": "'none'"}

# As no inline element, an image that cannot be loaded keeps its size.
_IN_HEAD = '<base target="_blank"><style>:where(img){display:inline-block}</style>'

# An image that the policy holds back is shown as a box with its alt text, as in Gmail and Outlook;
# browsers show a broken icon. An image whose height only the file knows gets a third of its width.
_BOX = """<style>:where({held}){{position:relative}}
:where({held}:not([width][height]),{held}[height=auto]){{aspect-ratio:auto 3/1}}
:where({held}:not([width],[style*=width])){{min-width:120px}}
{held}{{visibility:hidden}}
{held}::before{{content:attr(alt);visibility:visible;position:absolute;inset:0;overflow:hidden;\
border-radius:inherit;background:linear-gradient(rgb(128 128 128/12%) 0 0);\
outline:1px solid rgb(128 128 128/50%);\
outline-offset:-1px}}</style>"""
_HELD_BACK = {"own": 'img:not([src*="data:" i],picture *)', "off": "img"}

_CHANGED_AT_MOST = 512 * 1024  # characters of HTML that are changed for a view: more take seconds
_MODELS = ("partial", "full", "word")  # schemes that are models of clients
_TOO_MUCH = (
    "This view of the mail takes too much time or memory. The views Light and Dark are available."
)
_TOO_LONG = (
    "This mail has more than 512 KB of HTML, so only the views Light and Dark are available."
)


def captured_frame(
    content: MailContent, mail_id: str, view: View, runner: Runner[Any]
) -> Response[str]:
    """Answer with a captured mail, with remote content only if the reader asked for it."""
    html = content.html or page_of_text(content.text)
    view = view.as_loaded(mail_id)
    if len(html) <= _CHANGED_AT_MOST:
        html = within_limits(html, view, runner)
    elif view.scheme in _MODELS:
        raise HTTPException(status_code=422, detail=_TOO_LONG)
    else:
        html = force_scheme(html, view.scheme)
    return answer(with_inline_images(content, html), view, CAPTURED)


def view_of_template(view: View, gallery: Gallery) -> View:
    """Return the view of a template, with a foreign folder's remote images only if the reader asked
    for them.

    The address of such an image may hold values of the template, or lead to a host that only we
    reach.
    """
    return view.as_loaded(gallery.folder.name) if gallery.is_foreign else view


def within_limits(html: str, view: View, runner: Runner[Any]) -> str:
    """Return the mail in the scheme of the view.

    Raises HTTPException if that takes too much time or memory.

    A model computes styles, in time that grows with the product of rules and elements. So it has a
    renderer's limits.
    """
    if view.scheme not in _MODELS:
        return apply_view(html, view)
    try:
        return runner.run(_apply_view, html, view)
    except (LimitExceeded, RecursionError) as exceeded:
        raise HTTPException(status_code=422, detail=_TOO_MUCH) from exceeded


def _apply_view(_: object, html: str, view: View) -> str:
    return apply_view(html, view)


def answer(html: str, view: View, sandbox: str, status: int = 200) -> Response[str]:
    """Answer with the mail.

    The header repeats the sandbox, in case the address is opened without the frame.
    """
    held = _HELD_BACK.get(view.images)
    if held:
        html = insert_in_head(without_hints(html), _BOX.format(held=held))
    html = insert_in_head(html, _IN_HEAD)
    policy = _POLICY.format(sandbox=sandbox, images=_IMAGES[view.images])
    headers = {"content-security-policy": policy}
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=headers)


def attached(content: bytes, name: str) -> Response[bytes]:
    """Answer with a file to save (RFC 6266, D), of no type that a browser shows or runs, whatever
    the mail says.

    If a browser shows it all the same, its policy blocks everything (CSP Level 3).
    """
    plain = re.sub(r"[^\w .-]", "_", name, flags=re.ASCII)
    encoded = quote(name, safe="")
    headers = {
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
