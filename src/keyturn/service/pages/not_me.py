"""The page "This was not me": a link leaves the address bar, the page asks, and only a POST acts.

Mail scanners follow links with GET, so GET changes nothing (RFC 9110, 9.2.1).
"""

from typing import Any

from litestar import Controller, Response, post
from litestar.params import FromPath

from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages, Pages
from keyturn.service.problems.proofs import SecurityLinkDead


class SecureAccount(Controller):
    """The page of the button "Secure your account". Mounted by the settings."""

    @reading("/{token:str}")
    async def take_from_path(self, token: FromPath[str], pages: GivenPages) -> Response[Any]:
        """Keep the token out of histories and screenshots (ASVS 14.2.1): a cookie, and a clean address."""
        return pages.redirect(pages.site.url(pages.site.paths.secure), pages.cookies.set_security_token(token))

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        said = pages.cookies.read_flash(request.cookies)
        is_other = bool(pages.cookies.read_security_token(request.cookies))  # another link was opened here since
        if said and said.said == "account_secured" and not is_other:
            return pages.page(request, "account_secured.html")
        securing, token = pages.site.securing, _token_of(pages, request)
        link = await securing.check(token, client_of(request))
        return pages.page(request, "secure_account.html", email=link.email, locks=await securing.will_lock(link))

    @post()
    async def secure(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Secure the account, once. Raises SecurityLinkDead, TooManyRequests."""
        await pages.site.securing.secure(_token_of(pages, request), client_of(request))
        path, cookies = pages.site.paths.secure, pages.cookies
        done = cookies.set_flash(Flash("account_secured"), path)
        return pages.redirect(pages.site.url(path), cookies.delete("proof", path), done)


def _token_of(pages: Pages, request: AnyRequest) -> str:
    """Return the token in the cookie. Raises SecurityLinkDead without one."""
    token = pages.cookies.read_security_token(request.cookies)
    if not token:
        raise SecurityLinkDead
    return token
