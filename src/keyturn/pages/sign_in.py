"""Signing in and out, and the card "Change password" in the security settings."""

import re
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Controller, HttpMethod, Response, post, route
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.accounts.port import Account
from keyturn.api.requests import AnyRequest, client_of
from keyturn.database import now
from keyturn.pages.cookies import Flash
from keyturn.pages.rendering import Pages
from keyturn.problems.proofs import CredentialsRejected, NotSignedIn
from keyturn.reset.sign_in import SignIns

# A path of RFC 3986, 3.3. A second slash or a backslash at its start is refused: browsers read a host there.
_PATH_OF_THIS_SITE = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


class SignInForm(msgspec.Struct, frozen=True):
    """The submitted form. `next`: the page after the sign-in."""

    email: str = ""
    password: str = ""
    next: str = ""


class SignIn(Controller):
    """The sign-in form. Mounted by the settings."""

    @route(http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def show(
        self,
        request: AnyRequest,
        pages: NamedDependency[Pages],
        sign_ins: NamedDependency[SignIns],
        next: FromQuery[str] = "",  # noqa: A002 - the parameter's name in the address
    ) -> Response[Any]:
        site = pages.site
        try:
            account = await sign_ins.account(site.session_cookie.read(request))
        except NotSignedIn:
            flash = pages.cookies.read_flash(request.cookies)
            return pages.page(
                request,
                "sign_in.html",
                account=flash,
                email=flash.email if flash else "",
                next=next,
                rejected=False,
                flash=flash and flash.said,
                cookies=[pages.cookies.delete_flash()] if flash else [],
            )
        return pages.redirect(_next_url(next, site.settings_url(account.kind)))

    @post()
    async def sign_in(
        self,
        request: AnyRequest,
        data: URLEncodedBody[SignInForm],
        pages: NamedDependency[Pages],
        sign_ins: NamedDependency[SignIns],
    ) -> Response[Any]:
        """Start a session under a new secret (ASVS 7.2.4). Raises TooManyRequests, Busy."""
        site = pages.site
        try:
            opened = await sign_ins.sign_in(
                data.email, data.password, client_of(request), site.device_cookie.read(request)
            )
        except CredentialsRejected:
            return pages.page(
                request, "sign_in.html", status=422, email=data.email, next=data.next, rejected=True, flash=None
            )
        url = _next_url(data.next, site.settings_url(opened.account.kind))
        return pages.redirect(url, site.session_cookie.issue(opened.secret), site.device_cookie.issue(opened.device))


class SignOut(Controller):
    """The button that ends a session."""

    @post()
    async def sign_out(
        self, request: AnyRequest, pages: NamedDependency[Pages], sign_ins: NamedDependency[SignIns]
    ) -> Response[Any]:
        """End the session on the server, not only the cookie (ASVS 7.4.1)."""
        site = pages.site
        await sign_ins.sign_out(site.session_cookie.read(request))
        here = site.url(site.paths.sign_in)
        return pages.redirect(
            here, site.session_cookie.expire(), pages.cookies.set_flash(Flash("signed_out"), site.paths.sign_in)
        )


def _next_url(wanted: str, otherwise: str) -> str:
    """Return the next page, always on this site, whatever the link to the form contains (ASVS 3.7.2)."""
    return wanted if _PATH_OF_THIS_SITE.fullmatch(wanted) else otherwise


class SecuritySettings(Controller):
    """The card by which a signed-in user requests a link.

    Mounted at each address of the page, since kinds of accounts may have one each; `here` is that address. Both methods
    raise NotSignedIn.
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
        """Send a link to the account's own address, unless the cooldown holds it back. Raises TooManyRequests."""
        account = await sign_ins.account(pages.site.session_cookie.read(request))
        url, path = pages.site.settings_url(account.kind), pages.site.settings_location(account.kind)
        _, wait = await _link_request_of(request, pages, account)
        if wait or path not in pages.site.settings_paths:
            return pages.redirect(url)
        await pages.site.requests.accept(account.email, client_of(request))
        return pages.redirect(url, pages.cookies.set_link_request(account.email, path))


async def _link_request_of(request: AnyRequest, pages: Pages, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser requested a link for this account, and the rest of the cooldown.

    The cooldown counts requests from elsewhere, too: a signed-in user may learn of them.
    """
    asked = pages.cookies.read_link_request(request.cookies)
    own_wait = asked.wait if asked and asked.email == account.email else None
    left = await pages.site.mailboxes.cooldown_left(account.email, now())
    return own_wait is not None, max(own_wait or timedelta(0), left)
