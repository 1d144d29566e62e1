"""A mail as it is seen where images are not loaded, as many clients have it at first."""

import re

from keyturn.emails.studio.frames.heads import insert_in_head
from keyturn.emails.studio.frames.rewriting import Rewriting

_URL = re.compile(r"""url\(\s*(?:"[^"]*"|'[^']*'|[^)]*)\s*\)""", re.IGNORECASE)
_ATTRIBUTES = {
    "img": ("src", "srcset"), "source": ("src", "srcset"), "input": ("src",), "video": ("poster",),
    "image": ("href", "xlink:href"),
}  # fmt: skip
"""What names an image; `background` does so on any element (HTML, 15.3)."""

# A box of the image's size, which is what Gmail and Outlook leave in its place. The mail sets how the text in it looks.
_BOX = "<style>img{display:inline-block;outline:1px solid rgb(128 128 128/45%)!important;outline-offset:-1px}</style>"


def remove_images(html: str) -> str:
    """Return the HTML with no image in it that could be loaded, from whichever attribute or style."""
    rewriting = Rewriting(html)
    for tag in rewriting.tags:
        for name in (*_ATTRIBUTES.get(tag.tag, ()), "background"):
            rewriting.remove(tag, name)
        if _URL.search(style := tag.get("style")):
            rewriting.set(tag, "style", _URL.sub("none", style))
        if tag.tag == "style" and _URL.search(css := rewriting.source_inside(tag)):
            rewriting.replace_inside(tag, _URL.sub("none", css))
    return insert_in_head(rewriting.text(), _BOX)
