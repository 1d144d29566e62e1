"""Signing in and out, the addresses that lead there, and the card of the security settings, which
sends a link.
"""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.service.accounts.port import Account
from keyturn.service.api.requests import READ
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import Answer, Visit
from keyturn.service.pages.second_step import ShownStep, StepForm, shown_step
from keyturn.service.problems.proofs import (
    CredentialsRejected,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.reset.ports import SecondStepCode

# A path of RFC 3986, 3.3. A second slash or a backslash at its start is refused: browsers read a
# host there.
_PATH_OF_THIS_SITE = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


class SignInForm(StepForm, frozen=True):
    """The submitted form. `next`: the page after the sign-in."""

    email: str = ""
    password: str = ""
    next: str = ""


class SignInPage(Controller):
    """Sign in."""

    @route("/", http_method=READ)
    async def show(
        self,
        visit: NamedDependency[Visit],
        next: FromQuery[str] = "",  # noqa: A002 - the parameter's name in the address
    ) -> Answer:
        site, cookies = visit.site, visit.cookies
        if account := await visit.signed_in():
            return visit.redirect(next_url(next, site.settings_url(account.kind)))
        if flash := cookies.read_flash(visit.request):
            ended = cookies.flash(site.paths.sign_in).expire()
            return _form(
                visit,
                email=flash.email,
                next=next,
                account=flash,
                flash=flash.said,
                cookies=[ended],
            )
        return _form(visit, email="", next=next)

    @post("/")
    async def sign_in(
        self, data: URLEncodedBody[SignInForm], visit: NamedDependency[Visit]
    ) -> Answer:
        """Start a session under a new secret (ASVS 7.2.4).

        What an earlier one requested is no longer shown.
        """
        return await _sign_in(visit, data, data.answer)

    @post("/code")
    async def send_code(
        self, data: URLEncodedBody[SignInForm], visit: NamedDependency[Visit]
    ) -> Answer:
        """Send a code to the phone of an account whose password was just proved."""
        return await _sign_in(visit, data, SecondStepCode(method="sms"))


async def _sign_in(visit: Visit, data: SignInForm, answer: SecondStepCode | None) -> Answer:
    """Sign in by the password, or by the proof that the password was right, while the second step
    is asked for.
    """
    cookies, site = visit.cookies, visit.site
    proof, device = (
        "" if data.password else cookies.password.read(visit.request),
        cookies.device.read(visit.request),
    )
    typed = {"email": data.email, "next": data.next}
    try:
        opened = await visit.sign_ins.sign_in(
            data.email, data.password, visit.client, device, answer, proof
        )
    except CredentialsRejected:
        return _form(visit, **typed, status=422, rejected=True)
    except (SecondStepRequired, SecondStepRejected) as asked:
        is_required = isinstance(asked, SecondStepRequired)
        return _form(
            visit,
            **typed,
            status=200 if isinstance(asked, SecondStepRequired) and asked.sent else 422,
            factors=asked.methods,
            step=ShownStep() if answer is None and is_required else shown_step(data.method, asked),
            cookies=[cookies.password.issue(asked.password_proof)],
        )
    kind = opened.account.kind
    path, url = site.settings_location(kind), next_url(data.next, site.settings_url(kind))
    ended = [cookies.asked(path)] if path in site.settings_paths else []
    ended += [cookies.password] if proof else []
    started = cookies.session.issue(opened.secret), cookies.device.issue(opened.device)
    return visit.lead_on(
        url, *started, *(cookie.expire() for cookie in ended), account=opened.account
    )


def _form(visit: Visit, **values: Any) -> Answer:
    """Return the form; with `factors` it asks for the second step."""
    shown: dict[str, Any] = {"rejected": False, "factors": (), "step": ShownStep(), "flash": None}
    return visit.page("sign_in.html", **shown | values)


class SignOutPage(Controller):
    """Sign out."""

    @post("/")
    async def sign_out(self, visit: NamedDependency[Visit]) -> Answer:
        """End the session on the server, not only the cookie (ASVS 7.4.1)."""
        cookies, path = visit.cookies, visit.site.paths.sign_in
        await visit.sign_ins.sign_out(cookies.session.read(visit.request))
        return visit.redirect(
            visit.site.url(path),
            cookies.session.expire(),
            cookies.set_flash(Flash("signed_out"), path),
        )


def next_url(wanted: str, otherwise: str) -> str:
    """Return the next page, always on this site, whatever the link to the form contains (ASVS
    3.7.2).
    """
    return wanted if _PATH_OF_THIS_SITE.fullmatch(wanted) else otherwise


@route("/", http_method=READ, include_in_schema=False)
async def redirect_home(visit: NamedDependency[Visit]) -> Answer:
    return visit.redirect(
        visit.site.url(visit.site.paths.sign_in) if visit.container.sign_ins else visit.site.forgot
    )


@route("/.well-known/change-password", http_method=READ, include_in_schema=False)
async def redirect_to_change(visit: NamedDependency[Visit]) -> Answer:
    """Lead password managers to the form (https://w3c.github.io/webappsec-change-password-url/)."""
    site, form = visit.site, visit.site.url(visit.site.paths.reset)
    if not visit.container.sign_ins:
        return visit.redirect(site.forgot)
    signed_in = await visit.signed_in()
    return visit.redirect(
        form if signed_in else f"{site.url(site.paths.sign_in)}?{urlencode({'next': form})}"
    )


class SecuritySettingsPage(Controller):
    """The card of the security settings, which sends a link."""

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> Answer:
        site, account = visit.site, await visit.require_signed_in()
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
        url, path = (
            visit.site.settings_url(account.kind),
            visit.site.settings_location(account.kind),
        )
        _, wait = await _link_request_of(visit, account)
        if wait or path not in visit.site.settings_paths:
            return visit.lead_on(url, account=account)
        await visit.container.requests.accept(account.email, visit.client)
        return visit.redirect(url, visit.cookies.set_link_request(account.email, path))


async def _link_request_of(visit: Visit, account: Account) -> tuple[bool, timedelta]:
    """Return whether this browser requested a link for this account, and the rest of the cooldown,
    from anywhere.
    """
    link_request = visit.cookies.read_link_request(visit.request)
    own_wait = link_request.wait if link_request and link_request.email == account.email else None
    left = (await visit.container.mailboxes.look([account.email]))[account.email].wait
    return own_wait is not None, max(own_wait or timedelta(0), left)
