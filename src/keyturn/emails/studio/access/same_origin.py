"""What the studio writes and sends, it does for its own pages alone."""

from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1


def same_origin_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: answer 403 to a request that changes something unless a page of the studio caused it.

    Without a cookie there is no token to compare, so Fetch Metadata decides, and Origin where a browser does not send
    that, as over plain HTTP from another machine (OWASP CSRF Prevention Cheat Sheet, "Fetch Metadata headers").
    """
    if connection.scope.get("method") in SAFE:
        return
    site = connection.headers.get("sec-fetch-site")
    origin = urlsplit(connection.headers.get("origin", "")).netloc
    if site != "same-origin" and (site is not None or origin != connection.headers.get("host")):
        raise PermissionDeniedException(detail="Only the studio's own pages can do this.")


def no_other_site(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: answer 403, before any work, to what a page of another site loads: a picture, a frame, a script.

    A link from elsewhere that a person follows is let through (W3C Fetch Metadata, "resource isolation policy").
    """
    followed = connection.headers.get("sec-fetch-dest") == "document"
    if connection.headers.get("sec-fetch-site") == "cross-site" and not followed:
        raise PermissionDeniedException(detail="Only the studio's own pages can load this.")
