"""The mail as a document of its own, for a sandboxed frame: it is drawn, and does nothing else."""

import re
from typing import Literal

from litestar import MediaType, Response

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_NOTHING_BUT_THE_MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

# A preview's links hold made-up tokens on real hosts. Every one aims at a new tab (`<base target>`), which a sandbox
# without allow-popups refuses before any request (HTML Standard 7.1.5, "sandboxed auxiliary navigation"): no link is
# followed by accident. allow-same-origin lets the page around it read the height and keep the place; without
# allow-scripts it gives the mail itself nothing.
PREVIEW = "allow-same-origin"

# A captured mail's links are there to be followed: each opens a tab of its own that is free of the sandbox. The mail
# has an origin of its own, so to the site that is opened it comes from elsewhere, as from a webmail.
CAPTURED = "allow-popups allow-popups-to-escape-sandbox"


def frame(html: str, scheme: Literal["light", "dark"], sandbox: str) -> Response[str]:
    """Answer with the mail. The header repeats the sandbox, for who opens the address without the frame."""
    document = in_scheme(html, scheme)
    base = '<base target="_blank">'
    head = _HEAD.search(document)
    place = head.end() if head else 0
    return Response(
        document[:place] + base + document[place:],
        media_type=MediaType.HTML,
        headers={"content-security-policy": f"sandbox {sandbox}; {_NOTHING_BUT_THE_MAIL}"},
    )


def in_scheme(html: str, scheme: Literal["light", "dark"]) -> str:
    """Decide the mail's own `prefers-color-scheme` queries, whatever the machine prefers.

    The property color-scheme on the frame would do it in Chromium, not in every browser; a query that is always or
    never true does.
    """
    return _SCHEME.sub(lambda query: "(min-width: 0)" if query[1].lower() == scheme else "(max-width: 0)", html)
