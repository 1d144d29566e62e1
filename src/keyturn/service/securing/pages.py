"""The page "This was not me"."""

from typing import Any

from litestar import Controller, Response, post

from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages


class SecureAccount(Controller):
    """The page of the button "Secure your account". Mounted by the settings."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        flash = pages.cookies.read_flash(request)
        is_other = bool(pages.cookies.proof.read(request))  # another link was opened here since
        if flash and flash.said == "account_secured" and not is_other:
            return pages.page(request, "account_secured.html")
        securing, (token, _) = pages.parts.securing, pages.cookies.proof.held(request, 2)
        link = await securing.check(token, client_of(request))
        return pages.page(request, "secure_account.html", email=link.facts.email, locks=await securing.will_lock(link))

    @post()
    async def secure(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Secure the account, once. Raises SecurityLinkDead, TooManyRequests."""
        path, cookies = pages.site.paths.secure, pages.cookies
        token, _ = cookies.proof.held(request, 2)
        await pages.parts.securing.secure(token, client_of(request))
        done = cookies.set_flash(Flash("account_secured"), path)
        return pages.redirect(pages.site.url(path), cookies.proof.expire(), done)
