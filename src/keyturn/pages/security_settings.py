"""The card "Change password" in the security settings of those who are signed in."""

from datetime import timedelta
from typing import Any

from litestar import Controller, HttpMethod, Response, post, route
from litestar.di import NamedDependency

from keyturn.accounts.port import Account
from keyturn.api.requests import AnyRequest, client_of
from keyturn.database import now
from keyturn.pages.rendering import Pages
from keyturn.reset.sign_in import SignIns


class SecuritySettings(Controller):
    """The card from which somebody who is signed in asks for a link.

    Mounted at each address of the page, as kinds of accounts may have one each; `here` is that one.

    Both methods raise NotSignedIn.
    """

    @route(http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def show(
        self, request: AnyRequest, pages: NamedDependency[Pages], sign_ins: NamedDependency[SignIns]
    ) -> Response[Any]:
        account = await sign_ins.account(pages.site.session_cookie.read(request))
        if pages.site.settings_location(account.kind) != request.route_handler.opt["here"]:
            return pages.redirect(pages.site.settings_url(account.kind))
        has_asked, wait = await _link_request_of(request, pages, account)
        return pages.page(request, "security_settings.html", account=account, has_asked=has_asked, wait=wait)

    @post()
    async def request_password_change(
        self, request: AnyRequest, pages: NamedDependency[Pages], sign_ins: NamedDependency[SignIns]
    ) -> Response[Any]:
        """Send a link to the account's own address, if a worker would send it. Raises TooManyRequests."""
        account = await sign_ins.account(pages.site.session_cookie.read(request))
        url, path = pages.site.settings_url(account.kind), pages.site.settings_location(account.kind)
        _, wait = await _link_request_of(request, pages, account)
        if wait or path not in pages.site.settings_paths:
            return pages.redirect(url)
        await pages.site.resets.request(account.email, client_of(request))
        return pages.redirect(url, pages.cookies.set_link_request(account.email, path))


async def _link_request_of(request: AnyRequest, pages: Pages, account: Account) -> tuple[bool, timedelta]:
    """Return whether this account asked for a link in this browser, and how long another would not be sent.

    The account's mailbox may have been written to from elsewhere too, and whoever is signed in may know.
    """
    found = pages.cookies.read_link_request(request.cookies)
    own_wait = found.wait if found and found.email == account.email else None
    left = await pages.site.mailboxes.cooldown_left(account.email, now())
    return own_wait is not None, max(own_wait or timedelta(0), left)
