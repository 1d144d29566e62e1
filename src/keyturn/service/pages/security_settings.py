"""The security settings of a signed-in user."""

from datetime import timedelta
from typing import Any

from litestar import Controller, Response, post

from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages, Pages


class SecuritySettings(Controller):
    """The card that sends a link to change the password.

    Mounted at each address of the page, since kinds of accounts may have one each; `here` is that address. Both methods
    raise NotSignedIn.
    """

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        site, account = pages.site, await pages.require_signed_in(request)
        if site.settings_location(account.kind) != request.route_handler.opt["here"]:
            return pages.redirect(site.settings_url(account.kind))
        has_asked, wait = await _link_request_of(request, pages, account)
        return pages.page(request, "security_settings.html", account=account, has_asked=has_asked, wait=wait)

    @post()
    async def request_password_change(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        """Send a link to the account's own address, unless the cooldown holds it back. Raises TooManyRequests."""
        account = await pages.require_signed_in(request)
        url, path = pages.site.settings_url(account.kind), pages.site.settings_location(account.kind)
        _, wait = await _link_request_of(request, pages, account)
        if wait or path not in pages.site.settings_paths:
            return pages.lead_on(request, url, account=account)
        await pages.parts.requests.accept(account.email, client_of(request))
        return pages.redirect(url, pages.cookies.set_link_request(account.email, path))


async def _link_request_of(request: AnyRequest, pages: Pages, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser requested a link for this account, and the rest of the cooldown.

    The cooldown counts requests from elsewhere, too: a signed-in user may learn of them.
    """
    link_request = pages.cookies.read_link_request(request)
    own_wait = link_request.wait if link_request and link_request.email == account.email else None
    left = (await pages.parts.mailboxes.look([account.email]))[account.email].wait
    return own_wait is not None, max(own_wait or timedelta(0), left)
