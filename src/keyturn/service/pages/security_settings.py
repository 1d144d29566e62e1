"""The page of the security settings, for signed-in users."""

from datetime import timedelta

from litestar import Controller, post, route
from litestar.di import NamedDependency

from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import READ
from keyturn.service.pages.rendering import Answer, Visit


class SecuritySettingsPage(Controller):
    """The page of the security settings, which sends a link to the account's address."""

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> Answer:
        site = visit.site
        account = await visit.require_signed_in()
        if site.settings_location(account.kind) != visit.request.route_handler.opt["here"]:
            return visit.redirect(site.settings_url(account.kind))
        has_asked, wait = await _link_request_of(visit, account)
        return visit.page("security_settings.html", account=account, has_asked=has_asked, wait=wait)

    @post("/")
    async def request_password_change(self, visit: NamedDependency[Visit]) -> Answer:
        """Send a link to the account's own address, unless the cooldown holds it back.

        Raises TooManyRequests.
        """
        account = await visit.require_signed_in()
        url = visit.site.settings_url(account.kind)
        path = visit.site.settings_location(account.kind)
        _, wait = await _link_request_of(visit, account)
        if wait or path not in visit.site.settings_paths:
            return visit.lead_on(url, account=account)
        await visit.container.requests.accept(account.email, visit.client)
        return visit.redirect(url, visit.cookies.set_link_request(account.email, path))


async def _link_request_of(visit: Visit, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser has requested a link for this account, and the remaining wait.

    The wait also counts requests of other browsers.
    """
    link_request = visit.cookies.read_link_request(visit.request)
    mailboxes = await visit.container.mailboxes.look([account.email])
    wait = mailboxes[account.email].wait
    if link_request and link_request.email == account.email:
        return True, max(link_request.wait, wait)
    return False, wait
