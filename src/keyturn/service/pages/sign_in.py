"""The pages to sign in and to sign out."""

import re
from typing import Any

from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from keyturn.service.api.requests import READ
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import PageResponse, Visit
from keyturn.service.pages.second_step import ShownStep, StepForm, shown_step
from keyturn.service.problems.proofs import (
    CredentialsRejected,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.reset.ports import SecondStepCode

# A path (RFC 3986, 3.3). A second slash at its start is refused, and so is a backslash: browsers
# read a host after them.
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
    ) -> PageResponse:
        site = visit.site
        account = await visit.signed_in()
        if account:
            return visit.redirect(next_url(next, site.settings_url(account.kind)))
        flash = visit.cookies.read_flash(visit.request)
        if flash:
            shown = visit.cookies.flash(site.paths.sign_in).expire()
            return _form(
                visit,
                email=flash.email,
                next=next,
                account=flash,
                flash=flash.said,
                cookies=[shown],
            )
        return _form(visit, email="", next=next)

    @post("/")
    async def sign_in(
        self, data: URLEncodedBody[SignInForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Start a session under a new secret (ASVS 7.2.4).

        The security settings no longer show what an earlier session requested.
        """
        return await _sign_in(visit, data, data.answer)

    @post("/code")
    async def send_code(
        self, data: URLEncodedBody[SignInForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Send a code to the phone of an account whose password the user has just proved."""
        return await _sign_in(visit, data, SecondStepCode(method="sms"))


async def _sign_in(visit: Visit, data: SignInForm, answer: SecondStepCode | None) -> PageResponse:
    """Sign in with the password or, while the second step is asked for, with the proof of it."""
    cookies = visit.cookies
    site = visit.site
    device = cookies.device.read(visit.request)
    proof = ""
    if not data.password:
        proof = cookies.password.read(visit.request)
    typed = {"email": data.email, "next": data.next}
    try:
        opened = await visit.sign_ins.sign_in(
            data.email, data.password, visit.client, device, answer, proof
        )
    except CredentialsRejected:
        return _form(visit, **typed, status=422, rejected=True)
    except (SecondStepRequired, SecondStepRejected) as asked:
        is_required = isinstance(asked, SecondStepRequired)
        was_sent = isinstance(asked, SecondStepRequired) and asked.sent
        step = shown_step(data.method, asked)
        if is_required and answer is None:
            step = ShownStep()  # the user has not seen the second step yet, so nothing is missing
        return _form(
            visit,
            **typed,
            status=200 if was_sent else 422,
            factors=asked.methods,
            step=step,
            cookies=[cookies.password.issue(asked.password_proof)],
        )
    kind = opened.account.kind
    issued = [cookies.session.issue(opened.secret), cookies.device.issue(opened.device)]
    settings_path = site.settings_location(kind)
    if settings_path in site.settings_paths:
        issued.append(cookies.link_request(settings_path).expire())
    if proof:
        issued.append(cookies.password.expire())
    url = next_url(data.next, site.settings_url(kind))
    return visit.lead_on(url, *issued, account=opened.account)


def _form(visit: Visit, **values: Any) -> PageResponse:
    """Return the form. With `factors` it asks for the second step."""
    shown: dict[str, Any] = {"rejected": False, "factors": (), "step": ShownStep(), "flash": None}
    return visit.page("sign_in.html", **shown | values)


class SignOutPage(Controller):
    """Sign out."""

    @post("/")
    async def sign_out(self, visit: NamedDependency[Visit]) -> PageResponse:
        """End the session on the server, not only the cookie (ASVS 7.4.1)."""
        cookies = visit.cookies
        path = visit.site.paths.sign_in
        await visit.sign_ins.sign_out(cookies.session.read(visit.request))
        return visit.redirect(
            visit.site.url(path),
            cookies.session.expire(),
            cookies.set_flash(Flash("signed_out"), path),
        )


def next_url(wanted: str, otherwise: str) -> str:
    """Return the path `wanted` if it is on this site, else `otherwise`.

    A link to the form may name any page as the next one (ASVS 3.7.2).
    """
    if _PATH_OF_THIS_SITE.fullmatch(wanted):
        return wanted
    return otherwise
