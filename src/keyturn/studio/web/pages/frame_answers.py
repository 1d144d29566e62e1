"""Sends a mail to its frame, under a policy that runs nothing, and files to save."""

from urllib.parse import quote

from litestar import MediaType, Response

from keyturn.studio.inbox.mail import MailContent, with_inline_images
from keyturn.studio.web.frames import CAPTURED, apply_view, force_scheme
from keyturn.studio.web.frames.rewriting import insert_in_head, without_hints
from keyturn.studio.web.view import View

_POLICY = (
    "sandbox {sandbox}; default-src 'none'; style-src 'unsafe-inline'; font-src data:; "
    "img-src {images}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_IMAGES = {"on": "data: https: http:", "own": "data:", "off": "'none'"}

# A browser shows the alt text of an image that it cannot load. As no inline element, it keeps the image's size.
_IN_HEAD = '<base target="_blank"><style>:where(img){display:inline-block}</style>'

_CHANGED_AT_MOST = 512 * 1024
"""Characters of HTML that are changed for a view: looking at every tag of more takes seconds."""


class MailTooLong(Exception):
    """The mail is too long to be changed as the view asks."""


def captured_frame(
    content: MailContent, mail_id: str, view: View, sandbox: str = CAPTURED, html: str | None = None
) -> Response[str]:
    """Answer with a captured mail, with remote content only if the reader asked for it.

    `html`: the marked HTML of the mail. Raises MailTooLong.
    """
    html, view = content.html if html is None else html, view.as_loaded(mail_id)
    if len(content.html) <= _CHANGED_AT_MOST:
        html = apply_view(html, view)
    elif view.scheme in ("partial", "full", "word"):
        raise MailTooLong
    else:
        html = force_scheme(html, view.scheme)
    return answer(with_inline_images(content, html), view, sandbox)


def answer(html: str, view: View, sandbox: str) -> Response[str]:
    """Answer with the mail. The header repeats the sandbox, in case the address is opened without the frame."""
    if view.images != "on":
        html = without_hints(html)
    return Response(
        insert_in_head(html, _IN_HEAD),
        media_type=MediaType.HTML,
        headers={"content-security-policy": _POLICY.format(sandbox=sandbox, images=_IMAGES[view.images])},
    )


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
