"""Which programs are answered: those of this machine, or those that show the token where others can reach it."""

import secrets
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from keyturn.emails.studio.access.hosts import known_hosts_only
from keyturn.emails.studio.access.same_origin import SAFE


def programs_only(host: str, token: str) -> Guard:
    """Return a guard for requests that come from programs: 401 without the token, 403 for pages of other sites.

    With a token the Host header may be any name, as a container's: whoever knows the token is no site that renamed
    itself to this machine. It is a Bearer token (RFC 6750), or the password of any user (RFC 7617), which clients of
    Mailpit can send.
    """
    known = known_hosts_only(host)

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if not token:
            known(connection, handler)
        elif not secrets.compare_digest(_shown(connection.headers.get("authorization", "")), token.encode()):
            raise NotAuthorizedException(
                detail="Send the token of the studio: Authorization: Bearer TOKEN, or as the password of any user.",
                headers={"www-authenticate": 'Basic realm="Keyturn inbox", charset="UTF-8"'},
            )
        if connection.scope.get("method") not in SAFE:
            _refuse_other_sites(connection)

    return guard


def _refuse_other_sites(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse what a page of another site causes. A browser says so in one header or the other; a program sends neither.

    Browsers send Origin with every request that is no GET or HEAD (Fetch Standard, "append a request Origin header"),
    so its absence alone tells a program (OWASP CSRF Prevention Cheat Sheet, "Using Standard Headers").
    """
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    foreign = site not in (None, "same-origin", "none")
    if foreign or (origin is not None and urlsplit(origin).netloc != connection.headers.get("host")):
        raise PermissionDeniedException(detail="Pages of other sites cannot do this.")


def _shown(header: str) -> bytes:
    """Return the token that a header holds; nothing where it holds none."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip().encode()
        case "basic":
            try:
                return b64decode(value).partition(b":")[2]
            except ValueError:
                return b""
    return b""
