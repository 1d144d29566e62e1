"""Opens a page behind a link: the token leaves the address bar for a cookie, GET shows the page, and only POST acts.

Mail scanners follow links with GET, so GET changes nothing (RFC 9110, 9.2.1; ASVS 3.5.3).
"""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keyturn.mail.addresses import LONGEST
from keyturn.service.api.cookies import BrowserCookie
from keyturn.service.api.requests import AnyRequest
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import Pages
from keyturn.service.secrets import LENGTH


def taking_link(pages: Pages, cookie: BrowserCookie) -> HTTPRouteHandler:
    """Return the route of links with their token at the end of the path of their page, which is that of the cookie."""

    @reading("/{token:str}")
    async def take(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        return keep_link(pages, cookie, token, request.query_params.get(pages.site.paths.email))

    return take


def keep_link(pages: Pages, cookie: BrowserCookie, token: str, email: str | None = None) -> Response[Any]:
    """Keep a link out of histories, referrers and screenshots (ASVS 14.2.1): a cookie, and a clean address.

    Both parts are cut one character beyond a valid length, so that they fit and stay invalid.
    """
    return pages.redirect(cookie.path, cookie.hold(token[: LENGTH + 1], (email or "")[: LONGEST + 1]))
