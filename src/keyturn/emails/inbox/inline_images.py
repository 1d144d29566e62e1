"""The images that a mail brings along, put where its HTML names them by their Content-ID (RFC 2392)."""

import re
from base64 import b64encode
from urllib.parse import unquote

from keyturn.emails.inbox.mail import Attachment, MailContent

_CID = re.compile(r"cid:([^\s\"'()<>]{1,250})", re.IGNORECASE)
_SHOWN = frozenset(["image/png", "image/jpeg", "image/gif", "image/webp"])
"""Images that hold no scripts and no links to others, as SVG does."""
_MOST = 8 * 1024**2
"""Bytes of the images that are put into a mail, each counted as often as it is."""


def with_inline_images(mail: MailContent, html: str) -> str:
    """Return the HTML with such images in it: the frame that shows it may load nothing of the studio's.

    `html` is the mail's own, or what a view has made of it.
    """
    if "cid:" not in html.lower():
        return html
    images = {part.content_id: part for part in mail.attachments if part.content_type in _SHOWN and part.content_id}
    left = _MOST

    def put(reference: re.Match[str]) -> str:
        nonlocal left
        image = images.get(unquote(reference[1]))
        if image is None or image.size > left:
            return reference[0]
        left -= image.size
        return _data_url(image)

    return _CID.sub(put, html)


def weight_of_part(mail: MailContent, address: str) -> int | None:
    """Return the bytes of an image that the mail brings along; None of any other."""
    found = _CID.fullmatch(address)
    wanted = unquote(found[1]) if found else ""
    return next((part.size for part in mail.attachments if wanted and part.content_id == wanted), None)


def _data_url(image: Attachment) -> str:
    return f"data:{image.content_type};base64,{b64encode(image.content).decode()}"
