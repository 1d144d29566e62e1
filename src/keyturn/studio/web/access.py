"""Access to the studio: only clients that name this machine as the host, and know its token.

Every user and program of a machine reaches its loopback addresses, and templates may be programs,
so only `keyturn studio --no-token` runs without a token. Programs send it in a header. A browser
that shows it in an address gets a session in a cookie, from which nobody can compute the token.

Browsers send a cookie to all ports of its host (RFC 6265, 8.5), and SameSite does not help, since a
site has no port. Any user of the machine can listen on another port of 127.0.0.1. So the studio has
a host of its own for browsers, `NAME.localhost`: browsers resolve it to loopback (RFC 6761, 6.3),
and only clients with the token learn the name.

The studio writes and sends only for its own pages: Fetch Metadata decides, or Origin if a browser
sends no such header.
"""

import contextlib
import hmac
import ipaddress
import re
import secrets
from base64 import b32encode, b64decode
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import MediaType, Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect
from litestar.types import ASGIApp, Guard, Receive, Scope, Send

from keyturn.hosts import host_in, is_loopback_address, is_loopback_host, split_address
from keyturn.studio.web.studio import PATH, Studio

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
}

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
_BYTES = 16  # OWASP ASVS 5.0, 7.2.3: at least 128 bits of entropy
_SHORTEST = 22  # characters of those bytes in Base64
_LONGEST = 200
_TOKEN = re.compile(rf"[\w-]{{{_SHORTEST},{_LONGEST}}}", re.ASCII)
_LONGEST_NAME = (
    10  # bytes of a host's name. Each guess at these 80 bits needs a request of the user's browser.
)

_REFUSAL = """\
This studio needs its token. Open the address with ?token= that the terminal of keyturn shows.

A folder keeps its token. To choose one yourself, set KEYTURN_STUDIO_TOKEN.
"""

_SMALL_PAGE = """\
<!doctype html><html lang="en"><meta charset="utf-8">{refresh}<title>Keyturn studio</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>
body {{
  font: 1rem/1.5 system-ui, sans-serif; max-width: 38rem; margin: 3rem auto; padding: 0 1rem
}}
code {{ overflow-wrap: anywhere }}</style>
<h1>Keyturn studio</h1>
<p><a href="{address}">Open the studio</a> at its own address, <code>http://{host}</code>.
"""
_WHY_ELSEWHERE = """\
<p>A browser sends a cookie to every port of a host, and other users of this machine can listen on
ports of 127.0.0.1. So the studio has a host of its own.
<p>If your browser cannot find it, use Chrome, Edge or Firefox, or add this line to the file of
hosts of this machine (<code>/etc/hosts</code>): <code>127.0.0.1 {name}</code>
"""

_Request = ASGIConnection[Any, Any, Any, Any]
Middleware = Callable[[ASGIApp], ASGIApp]


def token_for(wanted: str = "") -> str:
    """Return the token of a studio: `wanted`, or a new one.

    Raises ValueError if it can be guessed or not be sent.
    """
    if not wanted:
        return secrets.token_urlsafe(_BYTES)
    if not _TOKEN.fullmatch(wanted):
        raise ValueError(f"a token must have {_SHORTEST} to {_LONGEST} letters, digits, - and _")
    return wanted


def browser_host(token: str) -> str:
    """Return the studio's own host, without a port.

    It follows from the token, so it is kept and secret as that is.
    """
    name = _derived(token, b"host")[:_LONGEST_NAME]
    return f"{b32encode(name).decode().lower()}.localhost"


def _session_of(token: str) -> str:
    return _derived(token, b"session").hex()


def _derived(token: str, purpose: bytes) -> bytes:
    """Return bytes that reveal neither the token nor what is derived for another purpose (RFC 5869,
    3.2).
    """
    return hmac.digest(token.encode(), purpose, "sha256")


def admit_pages(studio: Studio) -> Guard:
    """Return the check of a request for a page: its host and its origin.

    The checks of an app around it stay.
    """

    def admit(request: _Request, _: BaseRouteHandler) -> None:
        _require_known_host(request, studio)
        _require_own_page(request)

    return admit


def require_token(studio: Studio) -> Middleware:
    """Return the first check of a page.

    Without the token it answers itself, so no error page can list the mails.
    """

    def wrap(app: ASGIApp) -> ASGIApp:
        async def admit(scope: Scope, receive: Receive, send: Send) -> None:
            request: Request[Any, Any, Any] = Request(scope)
            answer = _answer_at_the_door(request, studio)
            if answer:
                await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return admit

    return wrap


def _answer_at_the_door(request: Request[Any, Any, Any], studio: Studio) -> Response[Any] | None:
    """Return the answer to a request that does not enter yet; None lets it in, or leaves it to the
    next check.
    """
    if _is_equal(_token_in(request), studio.token):
        return None
    host = _host_of(request)
    is_shared_by_users = _is_shared_by_users(host)
    session = request.cookies.get(_cookie_of(request), "").encode()
    # Other users get the cookies of a host that they can listen at, so a session does not count
    # there.
    if not is_shared_by_users and _is_equal(session, _session_of(studio.token)):
        return None
    token = request.query_params.get("token", "").encode()
    if not _is_equal(token, studio.token):
        return Response(_REFUSAL, status_code=403, media_type=MediaType.TEXT, headers=HEADERS)
    if not _is_known_host(host, studio):
        return None  # the guard answers it
    if is_shared_by_users:
        return _lead_to_own_host(request, studio.token)
    return _begin_session(request, studio.token)


def _lead_to_own_host(request: Request[Any, Any, Any], token: str) -> Response[Any]:
    """Answer a browser at an address whose cookies other users get, with a link and no cookie."""
    name = browser_host(token)
    host = f"{name}:{request.url.port}" if request.url.port else name
    address = f"http://{host}{request.url.path}?{request.url.query}"
    page = _SMALL_PAGE.format(address=escape(address), host=escape(host), refresh="")
    return _small_page(page + _WHY_ELSEWHERE.format(name=name))


def _begin_session(request: Request[Any, Any, Any], token: str) -> Response[Any]:
    """Turn the token of an address into a cookie, and lead to the address without it.

    Addresses stay in histories, show on screens and are sent in referrers (OWASP Session Management
    Cheat Sheet, "Session ID Exposure").
    """
    left = [(name, value) for name, value in parse_qsl(request.url.query) if name != "token"]
    address = request.url.path
    if left:
        address = f"{address}?{urlencode(left)}"
    cookie = Cookie(
        key=_cookie_of(request),
        value=_session_of(token),
        path=PATH,
        httponly=True,
        samesite="strict",
    )
    if request.headers.get("sec-fetch-site") != "cross-site":
        return Redirect(address, status_code=303, cookies=[cookie], headers=HEADERS)
    # After a click on another site, a browser keeps a Strict cookie from a redirect (RFC 6265bis,
    # 5.2), but not from a page that leads on by itself.
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    page = _SMALL_PAGE.format(
        address=escape(address), host=escape(request.url.netloc), refresh=refresh
    )
    return _small_page(page, cookie)


def _small_page(page: str, *cookies: Cookie) -> Response[Any]:
    directives = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    headers = HEADERS | {"content-security-policy": directives, "cache-control": "no-store"}
    return Response(page, media_type=MediaType.HTML, headers=headers, cookies=list(cookies))


def admit_programs(studio: Studio) -> Guard:
    """Return the check of a request of a program: 401 without the token, 403 for pages of other
    sites, and in a studio without a token 421 for a foreign host.

    The token is a Bearer token (RFC 6750) or the password of any user (RFC 7617), as clients of
    Mailpit send it. With it, the Host header may be any name, such as a container's: a rebound site
    does not know the token.
    """

    def admit(request: _Request, _: BaseRouteHandler) -> None:
        if not studio.token:
            _require_known_host(request, studio)
        elif not _is_equal(_token_in(request), studio.token):
            raise NotAuthorizedException(
                detail="Send the token as Authorization: Bearer TOKEN, or as the password of any "
                "user name.",
                headers={"www-authenticate": 'Basic realm="Keyturn", charset="UTF-8"'},
            )
        _refuse_other_sites(request)

    return admit


def _require_known_host(request: _Request, studio: Studio) -> None:
    """Answer 421 (RFC 9110 15.5.20) unless the Host header names this machine."""
    if not _is_known_host(_host_of(request), studio):
        detail = "Only this machine's own address gets an answer, such as 127.0.0.1 with the port."
        raise HTTPException(status_code=421, detail=detail)


def _is_known_host(host: str, studio: Studio) -> bool:
    """Tell whether a host is one of the studio's.

    Others reveal DNS rebinding, in which the attacker's name comes to point at 127.0.0.1 (Jackson
    et al., "Protecting Browsers from DNS Rebinding Attacks", ACM CCS 2007). A numeric address
    cannot be rebound. So if the server is bound to more than loopback, every numeric address
    passes, and the name that the server is bound to.
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback or not is_loopback_host(studio.host)
    if studio.token and host == browser_host(studio.token):
        return True
    return host in ("localhost", studio.host)


def _is_shared_by_users(host: str) -> bool:
    """Tell whether other users of the machine can listen at a host, too, and get its cookies."""
    return host == "localhost" or is_loopback_address(host)


def _require_own_page(request: _Request) -> None:
    """Answer 403 to a request that changes something unless a page of the studio caused it.

    Fetch Metadata decides. A browser may send none, as over plain HTTP from another machine; then
    Origin decides (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """
    if request.scope.get("method") in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    is_own = site == "same-origin"
    if site is None:
        is_own = _is_from_same_host(request, request.headers.get("origin", ""))
    if not is_own:
        raise PermissionDeniedException(detail="Only pages of the studio can do this.")


def _refuse_other_sites(request: _Request) -> None:
    """Answer 403 to a change that a page of another site causes: a browser sends one of two
    headers, a program neither.

    Browsers send Origin with every request except GET and HEAD (Fetch Standard, "append a request
    Origin header"). So its absence alone identifies a program (OWASP CSRF Prevention Cheat Sheet,
    "Using Standard Headers").
    """
    if request.scope.get("method") in _SAFE:
        return
    origin = request.headers.get("origin")
    is_foreign = origin is not None and not _is_from_same_host(request, origin)
    site = request.headers.get("sec-fetch-site")
    if is_foreign or site not in (None, "same-origin", "none"):
        raise PermissionDeniedException(detail="Pages of other sites cannot do this.")


def _is_from_same_host(request: _Request, origin: str) -> bool:
    return split_address(origin).netloc == request.headers.get("host")


def _host_of(request: _Request) -> str:
    return host_in(f"//{request.headers.get('host', '')}")


def _cookie_of(request: _Request) -> str:
    # By its port: studios that other machines reach may share a host, and a browser has one jar for
    # all of its ports.
    return f"keyturn_studio_{request.url.port or ''}"


def _is_equal(shown: bytes, secret: str) -> bool:
    return secrets.compare_digest(shown, secret.encode())


def _token_in(request: _Request) -> bytes:
    """Return the token of a program; empty without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer":
        return value.strip().encode()
    if scheme == "basic":
        with contextlib.suppress(ValueError):
            _, _, password = b64decode(value).partition(b":")
            return password
    return b""
