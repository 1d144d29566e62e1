"""The page of the security settings, for signed-in users."""

from datetime import timedelta
from typing import NamedTuple

from litestar import Controller, post, route
from litestar.di import NamedDependency

from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import READ
from keyturn.service.pages.rendering import PageResponse, Visit


class SecuritySettingsPage(Controller):
    """The page of the security settings, which sends a link to the account's address."""

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> PageResponse:
        site = visit.site
        account = await visit.require_signed_in()
        if site.settings_location(account.kind) != visit.request.route_handler.opt["here"]:
            return visit.redirect(site.settings_url(account.kind))
        waiting = await _wait_of(visit, account)
        return visit.page(
            "security_settings.html",
            account=account,
            has_asked=waiting.has_requested,
            wait=waiting.wait,
        )

    @post("/")
    async def request_password_change(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Send a link to the account's own address, unless the cooldown holds it back.

        Raises TooManyRequests.
        """
        account = await visit.require_signed_in()
        url = visit.site.settings_url(account.kind)
        path = visit.site.settings_location(account.kind)
        waiting = await _wait_of(visit, account)
        # During the cooldown, the worker would send no mail. A page of the app's own has its own
        # form, and the cookie would not reach it.
        if waiting.wait or path not in visit.site.settings_paths:
            return visit.lead_on(url, account=account)
        await visit.container.requests.accept(account.email, visit.client)
        return visit.redirect(url, visit.cookies.set_link_request(account.email, path))


class SettingsWait(NamedTuple):
    """When an account may request the next link from its security settings.

    `has_requested`: this browser has requested one for this account.
    `wait`: the time until then, also after requests of other browsers.
    """

    has_requested: bool
    wait: timedelta


async def _wait_of(visit: Visit, account: Account) -> SettingsWait:
    mailboxes = await visit.container.mailboxes.look([account.email])
    wait = mailboxes[account.email].wait
    remembered = visit.cookies.read_link_request(visit.request)
    if remembered and remembered.email == account.email:
        # The worker may not have counted this browser's request yet.
        return SettingsWait(has_requested=True, wait=max(remembered.wait, wait))
    return SettingsWait(has_requested=False, wait=wait)
