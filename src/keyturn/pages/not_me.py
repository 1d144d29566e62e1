"""The pages "This was not me": a link leaves the address bar, a page asks, and only a POST acts.

Mail scanners follow links with GET, so GET changes nothing (RFC 9110, 9.2.1).
"""

from typing import Any

from litestar import Controller, Response, post
from litestar.params import FromPath

from keyturn.api.mounting import reading
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.cookies import Flash, Said
from keyturn.pages.rendering import GivenPages, Pages
from keyturn.problems.proofs import SecurityLinkDead


class TokenPage(Controller):
    """A page that a link in a mail leads to."""

    @reading("/{token:str}")
    async def take_from_path(self, request: AnyRequest, token: FromPath[str], pages: GivenPages) -> Response[Any]:
        """Keep the token out of histories and screenshots (ASVS 14.2.1): a cookie, and a clean address."""
        path = request.route_handler.opt["here"]
        return pages.redirect(pages.site.url(path), pages.cookies.set_security_token(token, path))


class SecureAccount(TokenPage):
    """The page of the button "Secure your account". Mounted by the settings."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        if was_done(pages, request, "account_secured"):
            return pages.page(request, "account_secured.html")
        securing, token = pages.site.securing, token_of(pages, request)
        link = await securing.check(token, client_of(request))
        return pages.page(request, "secure_account.html", email=link.email, locks=await securing.will_lock(link))

    @post()
    async def secure(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Secure the account, once. Raises SecurityLinkDead, TooManyRequests."""
        await pages.site.securing.secure(token_of(pages, request), client_of(request))
        return say_done(pages, pages.site.paths.secure, "account_secured")


class MuteMailbox(TokenPage):
    """The page of the small link in a reset mail. Mounted by the settings."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        period, signs_in = pages.site.mailboxes.mute_period, bool(pages.site.sign_ins)
        if was_done(pages, request, "mailbox_muted"):
            return pages.page(request, "mailbox_muted.html", period=period, is_ended_here=signs_in)
        link = await pages.site.muting.check(token_of(pages, request), client_of(request))
        return pages.page(request, "mute_mailbox.html", email=link.email, period=period, is_ended_here=signs_in)

    @post()
    async def mute(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Mute the mailbox, once. Raises SecurityLinkDead, TooManyRequests."""
        await pages.site.muting.mute(token_of(pages, request), client_of(request))
        return say_done(pages, pages.site.paths.mute, "mailbox_muted")


def token_of(pages: Pages, request: AnyRequest) -> str:
    """Return the token in the cookie. Raises SecurityLinkDead without one."""
    token = pages.cookies.read_security_token(request.cookies)
    if not token:
        raise SecurityLinkDead
    return token


def was_done(pages: Pages, request: AnyRequest, what: Said) -> bool:
    """Tell whether this browser just did it, and has not opened another link since."""
    said = pages.cookies.read_flash(request.cookies)
    return said is not None and said.said == what and not pages.cookies.read_security_token(request.cookies)


def say_done(pages: Pages, path: str, what: Said) -> Response[Any]:
    cookies = pages.cookies
    return pages.redirect(pages.site.url(path), cookies.delete("proof", path), cookies.set_flash(Flash(what), path))
