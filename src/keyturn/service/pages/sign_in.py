"""Signing in and out."""

import re
from typing import Any

from litestar import Controller, Response, post
from litestar.params import FromQuery, URLEncodedBody

from keyturn.service.api.requests import AnyRequest, client_of, mounted
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages, Pages
from keyturn.service.pages.second_step import ShownStep, StepForm, shown_step
from keyturn.service.problems.proofs import CredentialsRejected, SecondStepRejected, SecondStepRequired
from keyturn.service.reset.proofs.port import SecondStepAnswer

# A path of RFC 3986, 3.3. A second slash or a backslash at its start is refused: browsers read a host there.
_PATH_OF_THIS_SITE = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


class SignInForm(StepForm, frozen=True):
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
        site, cookies = pages.site, pages.cookies
        if account := await pages.signed_in(request):
            return pages.redirect(next_url(next, site.settings_url(account.kind)))
        flash = cookies.read_flash(request)
        ended = [cookies.flash(site.paths.sign_in).expire()] if flash else []
        return _form(pages, request, email=flash.email if flash else "", next=next, flash=flash, cookies=ended)

    @post()
    async def sign_in(self, request: AnyRequest, data: URLEncodedBody[SignInForm], pages: GivenPages) -> Response[Any]:
        """Start a session under a new secret (ASVS 7.2.4). What an earlier one requested is no longer shown.

        Raises TooManyRequests, Busy.
        """
        return await _sign_in(pages, request, data, data.answer)

    @post("/code")
    async def send_code(
        self, request: AnyRequest, data: URLEncodedBody[SignInForm], pages: GivenPages
    ) -> Response[Any]:
        """Send a code to the phone of an account whose password was just proved. Raises TooManyRequests, Busy."""
        return await _sign_in(pages, request, data, SecondStepAnswer(method="sms"))


async def _sign_in(
    pages: Pages, request: AnyRequest, data: SignInForm, answer: SecondStepAnswer | None
) -> Response[Any]:
    """Sign in by the password, or by the proof that the password was right, while the second step is asked for."""
    site, client = pages.site, client_of(request)
    proof = "" if data.password else pages.cookies.password.read(request)
    device = pages.cookies.device.read(request)
    try:
        opened = await mounted(pages.parts.sign_ins).sign_in(data.email, data.password, client, device, answer, proof)
    except CredentialsRejected:
        return _form(pages, request, email=data.email, next=data.next, status=422, rejected=True)
    except (SecondStepRequired, SecondStepRejected) as asked:
        is_first = answer is None and isinstance(asked, SecondStepRequired)
        return _form(
            pages,
            request,
            email=data.email,
            next=data.next,
            status=200 if isinstance(asked, SecondStepRequired) and asked.sent else 422,
            factors=asked.methods,
            step=ShownStep() if is_first else shown_step(data.method, asked),
            cookies=[pages.cookies.password.issue(asked.password_proof)],
        )
    url = next_url(data.next, site.settings_url(opened.account.kind))
    path = site.settings_location(opened.account.kind)
    forgotten = [pages.cookies.asked(path).expire()] if path in site.settings_paths else []
    if proof:
        forgotten.append(pages.cookies.password.expire())
    started = (pages.cookies.session.issue(opened.secret), pages.cookies.device.issue(opened.device))
    return pages.lead_on(request, url, *started, *forgotten, account=opened.account)


def _form(pages: Pages, request: AnyRequest, flash: Flash | None = None, **values: Any) -> Response[Any]:
    """Return the form; with `factors` it asks for the second step."""
    shown: dict[str, Any] = {"rejected": False, "factors": (), "step": ShownStep(), "flash": flash and flash.said}
    return pages.page(request, "sign_in.html", account=flash, **shown | values)


@post()
async def sign_out(request: AnyRequest, pages: GivenPages) -> Response[Any]:
    """End the session on the server, not only the cookie (ASVS 7.4.1)."""
    cookies, path = pages.cookies, pages.site.paths.sign_in
    await mounted(pages.parts.sign_ins).sign_out(cookies.session.read(request))
    return pages.redirect(pages.site.url(path), cookies.session.expire(), cookies.set_flash(Flash("signed_out"), path))


def next_url(wanted: str, otherwise: str) -> str:
    """Return the next page, always on this site, whatever the link to the form contains (ASVS 3.7.2)."""
    return wanted if _PATH_OF_THIS_SITE.fullmatch(wanted) else otherwise
