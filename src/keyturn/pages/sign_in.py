"""Signing in and out."""

import re
from typing import Any

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.api.mounting import reading
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.cookies import Flash
from keyturn.pages.rendering import GivenPages
from keyturn.problems.proofs import CredentialsRejected, NotSignedIn
from keyturn.reset.sign_in import SignIns

GivenSignIns = NamedDependency[SignIns]

# A path of RFC 3986, 3.3. A second slash or a backslash at its start is refused: browsers read a host there.
_PATH_OF_THIS_SITE = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


class SignInForm(msgspec.Struct, frozen=True):
    """The submitted form. `next`: the page after the sign-in."""

    email: str = ""
    password: str = ""
    next: str = ""


class SignIn(Controller):
    """The sign-in form. Mounted by the settings."""

    @reading()
    async def show(
        self,
        request: AnyRequest,
        pages: GivenPages,
        next: FromQuery[str] = "",  # noqa: A002 - the parameter's name in the address
    ) -> Response[Any]:
        site = pages.site
        try:
            _, account = await pages.signed_in(request)
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
                cookies=[pages.cookies.delete("flash", site.paths.sign_in)] if flash else [],
            )
        return pages.redirect(next_url(next, site.settings_url(account.kind)))

    @post()
    async def sign_in(
        self, request: AnyRequest, data: URLEncodedBody[SignInForm], pages: GivenPages, sign_ins: GivenSignIns
    ) -> Response[Any]:
        """Start a session under a new secret (ASVS 7.2.4). What an earlier one requested is no longer shown.

        Raises TooManyRequests, Busy.
        """
        site = pages.site
        try:
            opened = await sign_ins.sign_in(
                data.email, data.password, client_of(request), site.device_cookie.read(request)
            )
        except CredentialsRejected:
            return pages.page(
                request, "sign_in.html", status=422, email=data.email, next=data.next, rejected=True, flash=None
            )
        url = next_url(data.next, site.settings_url(opened.account.kind))
        path = site.settings_location(opened.account.kind)
        forgotten = [pages.cookies.delete("asked", path)] if path in site.settings_paths else []
        started = (site.session_cookie.issue(opened.secret), site.device_cookie.issue(opened.device))
        return pages.redirect(url, *started, *forgotten)


class SignOut(Controller):
    """The button that ends a session."""

    @post()
    async def sign_out(self, request: AnyRequest, pages: GivenPages, sign_ins: GivenSignIns) -> Response[Any]:
        """End the session on the server, not only the cookie (ASVS 7.4.1)."""
        site = pages.site
        await sign_ins.sign_out(site.session_cookie.read(request))
        here = site.url(site.paths.sign_in)
        return pages.redirect(
            here, site.session_cookie.expire(), pages.cookies.set_flash(Flash("signed_out"), site.paths.sign_in)
        )


def next_url(wanted: str, otherwise: str) -> str:
    """Return the next page, always on this site, whatever the link to the form contains (ASVS 3.7.2)."""
    return wanted if _PATH_OF_THIS_SITE.fullmatch(wanted) else otherwise
