"""Access to the studio: only clients that name this machine as the host, and know its token.

Every user and program of a machine reaches its loopback addresses, and templates may be programs, so only `keyturn
studio --no-token` runs without a token. The token becomes a cookie at once; programs send it in a header. The studio
writes and sends only for its own pages: Fetch Metadata decides, or Origin if a browser sends no such header.
"""

import contextlib
import ipaddress
import re
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect
from litestar.types import Guard

from keyturn.hosts import host_in, is_loopback_host, split_address
from keyturn.studio.web.studio import PATH, Studio

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
}

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
_BYTES = 16  # OWASP ASVS 5.0, 7.2.3: at least 128 bits of entropy
_SHORTEST, _LONGEST = 22, 200  # as long as those bytes are in Base64
_TOKEN = re.compile(rf"[\w-]{{{_SHORTEST},{_LONGEST}}}", re.ASCII)

_REFUSAL = """This studio needs its token. Open the address with ?token= that the terminal of keyturn shows.

Each start makes a new token: after a restart, open the new address. To keep one token, set KEYTURN_STUDIO_TOKEN.
"""

_Request = ASGIConnection[Any, Any, Any, Any]
BeforeRequest = Callable[[Request[Any, Any, Any]], Awaitable[Response[Any] | None]]


def token_for(wanted: str = "") -> str:
    """Return the token of a studio: `wanted`, or a new one. Raises ValueError if it can be guessed or not be sent."""
    if wanted and not _TOKEN.fullmatch(wanted):
        raise ValueError(f"a token must have {_SHORTEST} to {_LONGEST} letters, digits, - and _")
    return wanted or secrets.token_urlsafe(_BYTES)


def admit_pages(studio: Studio) -> Guard:
    """Return the check of a request for a page: its host and its origin. The checks of an app around it stay."""

    def admit(request: _Request, _: BaseRouteHandler) -> None:
        _require_known_host(request, studio.host)
        _require_own_page(request)

    return admit


def require_token(token: str) -> BeforeRequest:
    """Return the check of the token: a cookie passes, which no script and no other site can use.

    A token in the address becomes the cookie and leaves the address at once: addresses stay in histories, show on
    screens and are sent in referrers (OWASP Session Management Cheat Sheet, "Session ID Exposure").
    """

    async def admit(request: Request[Any, Any, Any]) -> Response[Any] | None:
        if secrets.compare_digest(request.cookies.get(_cookie_of(request), "").encode(), token.encode()):
            return None
        if secrets.compare_digest(request.query_params.get("token", "").encode(), token.encode()):
            left = [pair for pair in parse_qsl(request.url.query) if pair[0] != "token"]
            cookie = Cookie(key=_cookie_of(request), value=token, path=PATH, httponly=True, samesite="strict")
            address = f"{request.url.path}?{urlencode(left)}" if left else request.url.path
            return Redirect(address, status_code=303, cookies=[cookie])
        return Response(_REFUSAL, status_code=403, media_type=MediaType.TEXT)

    return admit


def admit_programs(studio: Studio) -> Guard:
    """Return the check of a request of a program: 401 without the token, 403 for pages of other sites.

    The token is a Bearer token (RFC 6750) or the password of any user (RFC 7617), as clients of Mailpit send it. With
    it, the Host header may be any name, such as a container's: a rebound site does not know the token.
    """

    def admit(request: _Request, _: BaseRouteHandler) -> None:
        if not studio.token:
            _require_known_host(request, studio.host)
        elif not secrets.compare_digest(_token_in(request), studio.token.encode()):
            raise NotAuthorizedException(
                detail="Send the token as Authorization: Bearer TOKEN, or as the password of any user name.",
                headers={"www-authenticate": 'Basic realm="Keyturn", charset="UTF-8"'},
            )
        _refuse_other_sites(request)

    return admit


def _require_known_host(request: _Request, bound_to: str) -> None:
    """Answer 421 (RFC 9110 15.5.20) unless the Host header names this machine.

    It reveals DNS rebinding, in which the attacker's name comes to point at 127.0.0.1 (Jackson et al., "Protecting
    Browsers from DNS Rebinding Attacks", ACM CCS 2007). A numeric address cannot be rebound. So if the server is bound
    to more than loopback, every numeric address passes, and the name that the server is bound to.
    """
    host = host_in(f"//{request.headers.get('host', '')}")
    is_known = host in ("localhost", bound_to)
    with contextlib.suppress(ValueError):
        is_known = ipaddress.ip_address(host).is_loopback or not is_loopback_host(bound_to)
    if not is_known:
        detail = "Only this machine's own address gets an answer, such as 127.0.0.1 with the port."
        raise HTTPException(status_code=421, detail=detail)


def _require_own_page(request: _Request) -> None:
    """Answer 403 to a request that changes something unless a page of the studio caused it.

    Fetch Metadata decides. A browser may send none, as over plain HTTP from another machine; then Origin decides (OWASP
    CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """
    site, origin, host = map(request.headers.get, ("sec-fetch-site", "origin", "host"))
    is_own = site == "same-origin" or (site is None and split_address(origin or "").netloc == host)
    if request.scope.get("method") not in _SAFE and not is_own:
        raise PermissionDeniedException(detail="Only pages of the studio can do this.")


def _refuse_other_sites(request: _Request) -> None:
    """Answer 403 to a change that a page of another site causes: a browser sends one of two headers, a program neither.

    Browsers send Origin with every request except GET and HEAD (Fetch Standard, "append a request Origin header"). So
    its absence alone identifies a program (OWASP CSRF Prevention Cheat Sheet, "Using Standard Headers").
    """
    site, origin, host = map(request.headers.get, ("sec-fetch-site", "origin", "host"))
    is_foreign = origin is not None and split_address(origin).netloc != host
    if request.scope.get("method") not in _SAFE and (is_foreign or site not in (None, "same-origin", "none")):
        raise PermissionDeniedException(detail="Pages of other sites cannot do this.")


def _cookie_of(request: _Request) -> str:
    # Browsers send a host's cookies to all its ports (RFC 6265, 8.5). The demo's service lets only such names through.
    return f"keyturn_studio_{request.url.port or ''}"


def _token_in(request: _Request) -> bytes:
    """Return the token of a program; empty without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    with contextlib.suppress(ValueError):
        return b64decode(value).partition(b":")[2] if scheme.lower() == "basic" else b""
    return b""
