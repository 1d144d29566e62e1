"""Who may come in where more than this machine can knock: whoever was given the address with its token."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER, HTTP_403_FORBIDDEN

from keyturn.emails.studio.access.hosts import is_loopback

COOKIE = "keyturn-studio"
_BYTES = 16  # OWASP ASVS 5.0, 7.2.3: 128 bits that nobody can guess
_SHORTEST, _LONGEST = 22, 200  # as long as those bytes are in Base64
_TOKEN = re.compile(rf"[\w-]{{{_SHORTEST},{_LONGEST}}}", re.ASCII)

BeforeRequest = Callable[[Request[Any, Any, Any]], Awaitable[Response[Any] | None]]


def token_for(host: str, given: str = "") -> str:
    """Return the token of a studio that listens on `host`: the given one, else none on this machine alone, else a new.

    Raises ValueError where the given one could be guessed, or cannot stand in an address and a header.
    """
    if given and not _TOKEN.fullmatch(given):
        raise ValueError(f"a token has {_SHORTEST} to {_LONGEST} letters, digits, - and _")
    return given or ("" if is_loopback(host) else secrets.token_urlsafe(_BYTES))


def require_token(token: str, path: str) -> BeforeRequest:
    """Return what is asked before each request: it lets the cookie pass, and turns the token into the cookie.

    The token leaves the address at once: addresses are kept in histories, shown on screens and sent along in referrers
    (OWASP Session Management Cheat Sheet, "Session ID Exposure"). The cookie is for this path, for no script and for
    no request from another site.
    """

    async def admit(request: Request[Any, Any, Any]) -> Response[Any] | None:
        if secrets.compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
            return None
        if secrets.compare_digest(request.query_params.get("token", "").encode(), token.encode()):
            left = [pair for pair in parse_qsl(request.url.query) if pair[0] != "token"]
            cookie = Cookie(key=COOKIE, value=token, path=path, httponly=True, samesite="strict")
            return Redirect(
                f"{request.url.path}?{urlencode(left)}" if left else request.url.path,
                status_code=HTTP_303_SEE_OTHER,
                cookies=[cookie],
            )
        return Response(
            "This studio opens with the address that the terminal shows, the one with ?token= in it.",
            status_code=HTTP_403_FORBIDDEN,
            media_type=MediaType.TEXT,
        )

    return admit
