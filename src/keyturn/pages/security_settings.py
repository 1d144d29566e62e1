"""The card "Change password" in the security settings of those who are signed in."""

from datetime import timedelta
from typing import Any

from litestar import Controller, HttpMethod, Request, Response, post, route
from litestar.di import NamedDependency

from keyturn.accounts.port import Account
from keyturn.api.requests import client_of
from keyturn.database import now
from keyturn.pages.rendering import Pages
from keyturn.reset.sign_ins import SignIns


class SecuritySettings(Controller):
    """Mounted at each address of the page, as kinds of accounts may have one each; `here` is that one.

    Both methods raise NotSignedIn.
    """

    @route(http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def show(
        self, request: Request[Any, Any, Any], pages: NamedDependency[Pages], sign_ins: NamedDependency[SignIns]
    ) -> Response[Any]:
        account = await sign_ins.account(pages.site.session_cookie.read(request))
        if pages.site.settings_place(account.kind) != request.route_handler.opt["here"]:
            return pages.redirect(pages.site.settings(account.kind))
        asked, wait = await _asked(request, pages, account)
        return pages.page(request, "security_settings.html", account=account, asked=asked, wait=wait)

    @post()
    async def request_password_change(
        self, request: Request[Any, Any, Any], pages: NamedDependency[Pages], sign_ins: NamedDependency[SignIns]
    ) -> Response[Any]:
        """Send a link to the account's own address, if a worker would send it. Raises TooManyRequests."""
        account = await sign_ins.account(pages.site.session_cookie.read(request))
        own, place = pages.site.settings(account.kind), pages.site.settings_place(account.kind)
        _, wait = await _asked(request, pages, account)
        if wait or place not in pages.site.settings_pages:
            return pages.redirect(own)
        await pages.site.resets.request(account.email, client_of(request))
        return pages.redirect(own, pages.cookies.asked(account.email, place))


async def _asked(request: Request[Any, Any, Any], pages: Pages, account: Account) -> tuple[bool, timedelta]:
    """Return whether this account asked for a link in this browser, and how long another would not be sent.

    The account's mailbox may have been written to from elsewhere too, and whoever is signed in may know.
    """
    asked = pages.cookies.read_asked(request.cookies)
    own_wait = asked.wait if asked and asked.email == account.email else None
    left = await pages.site.mailboxes.cooldown_left(account.email, now())
    return own_wait is not None, max(own_wait or timedelta(0), left)
