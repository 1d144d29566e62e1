"""The security settings of a signed-in user: the card that sends a link, at each address of the page (`here`)."""

from datetime import timedelta

from litestar import post

from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import reading
from keyturn.service.pages.rendering import Answer, GivenVisit, Visit


@reading()
async def show(visit: GivenVisit) -> Answer:
    site, account = visit.site, await visit.require_signed_in()
    if site.settings_location(account.kind) != visit.request.route_handler.opt["here"]:
        return visit.redirect(site.settings_url(account.kind))
    has_asked, wait = await _link_request_of(visit, account)
    return visit.page("security_settings.html", account=account, has_asked=has_asked, wait=wait)


@post()
async def request_password_change(visit: GivenVisit) -> Answer:
    """Send a link to the account's own address, unless the cooldown holds it back. Raises TooManyRequests."""
    account = await visit.require_signed_in()
    url, path = visit.site.settings_url(account.kind), visit.site.settings_location(account.kind)
    _, wait = await _link_request_of(visit, account)
    if wait or path not in visit.site.settings_paths:
        return visit.lead_on(url, account=account)
    await visit.parts.requests.accept(account.email, visit.client)
    return visit.redirect(url, visit.cookies.set_link_request(account.email, path))


async def _link_request_of(visit: Visit, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser requested a link for this account, and the rest of the cooldown, from anywhere."""
    link_request = visit.cookies.read_link_request(visit.request)
    own_wait = link_request.wait if link_request and link_request.email == account.email else None
    left = (await visit.parts.mailboxes.look([account.email]))[account.email].wait
    return own_wait is not None, max(own_wait or timedelta(0), left)
