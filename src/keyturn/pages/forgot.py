"""Requesting a link: the same page for every address, a challenge if one is required, and the form for a code."""

from typing import Any, Literal

import msgspec
from litestar import Controller, HttpMethod, Response, post, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody

from keyturn import addresses
from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.rendering import Pages
from keyturn.pages.security import content_security_policy
from keyturn.problems.proofs import ChallengeFlaw, ChallengeRequired, CodeRefused, flaw_text
from keyturn.problems.requests import InputInvalid
from keyturn.reset.proofs.challenge import Answer
from keyturn.reset.proofs.code_exchange import CodeExchange


class ForgotForm(
    msgspec.Struct, frozen=True, rename={"turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response"}
):
    """The submitted form: the address as typed, and an answer under the name of its widget.

    `without_script`: sent by browsers that run no scripts.
    """

    email: str = ""
    altcha: str = ""
    turnstile: str = ""
    hcaptcha: str = ""
    without_script: str = ""

    @property
    def answer(self) -> Answer:
        text = self.altcha or self.turnstile or self.hcaptcha
        return Answer(text=text, without_script=bool(self.without_script))


def forgot_page(
    pages: Pages, request: AnyRequest, *, email: str = "", malformed: bool = False, flaw: ChallengeFlaw | None = None
) -> Response[Any]:
    """Return the form. With `flaw`, or if every request needs an answer, it holds the challenge.

    The policy lets in the hosts of an external challenge, on this page only.
    """
    gate = pages.site.challenge
    asked = gate.asked if gate and (flaw or gate.is_always_asked) else None
    method = asked.method if asked else ""
    return pages.page(
        request,
        "forgot.html",
        status=403 if flaw else 422 if malformed else 200,
        email=email,
        malformed=malformed,
        asked=asked,
        flaw=flaw,
        flaw_text=flaw_text,
        headers={"Content-Security-Policy": content_security_policy(pages.site, method)},
    )


class ForgotPassword(Controller):
    """The page that asks for the address, and "Check your email" after it. Mounted by the settings."""

    @route(http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def show(self, request: AnyRequest, pages: NamedDependency[Pages]) -> Response[Any]:
        link_request = pages.cookies.read_link_request(request.cookies)
        if link_request is None or "another" in request.query_params:
            return forgot_page(pages, request)
        return pages.page(request, "check_mail.html", link_request=link_request)

    @post()
    async def ask(
        self, request: AnyRequest, data: URLEncodedBody[ForgotForm], pages: NamedDependency[Pages]
    ) -> Response[Any]:
        """Request the link, then redirect, so that reloading "Check your email" requests nothing.

        The answer depends only on the input, never on whether there is an account (ASVS 6.3.8). Within the cooldown no
        link is requested, because the worker would hold the mail back.
        """
        path = pages.site.paths.forgot
        here, earlier = pages.site.url(path), pages.cookies.read_link_request(request.cookies)
        if earlier and earlier.wait and addresses.is_same_mailbox(earlier.email, data.email):
            return pages.redirect(here)
        try:
            await pages.site.requests.accept(data.email, client_of(request), data.answer)
        except InputInvalid:
            return forgot_page(pages, request, email=data.email, malformed=True)
        except ChallengeRequired as required:
            return forgot_page(pages, request, email=data.email, flaw=required.flaw)
        return pages.redirect(here, pages.cookies.set_link_request(addresses.parse(data.email), path))


CodeFault = Literal["", "malformed_email", "malformed_code", "refused"]


class CodeForm(msgspec.Struct, frozen=True):
    """The submitted form, as typed."""

    email: str = ""
    code: str = ""


@route("/code", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def show_code_form(request: AnyRequest, pages: NamedDependency[Pages]) -> Response[Any]:
    """Show the form, with the address that this browser requested a link for.

    Raises NotFoundException if mails hold no code.
    """
    _require_codes(pages)
    asked = pages.cookies.read_link_request(request.cookies)
    return _code_page(pages, request, asked.email if asked else "", "")


@post("/code")
async def take_code(
    request: AnyRequest, data: URLEncodedBody[CodeForm], pages: NamedDependency[Pages]
) -> Response[Any]:
    """Keep the token in a cookie, as that of a link, and lead to the form for a new password; else show the mistake.

    Raises TooManyRequests, and NotFoundException if mails hold no code.
    """
    try:
        issued = await _require_codes(pages).exchange(data.email, data.code, client_of(request))
    except InputInvalid as invalid:
        is_code = any(fault.name == "code" for fault in invalid.faults)
        return _code_page(pages, request, data.email, "malformed_code" if is_code else "malformed_email", status=422)
    except CodeRefused:
        return _code_page(pages, request, data.email, "refused", status=422)
    return pages.redirect(pages.site.url(pages.site.paths.reset), pages.cookies.set_link(issued.token, data.email))


def _require_codes(pages: Pages) -> CodeExchange:
    if pages.site.codes is None:
        raise NotFoundException
    return pages.site.codes


def _code_page(pages: Pages, request: AnyRequest, email: str, fault: CodeFault, *, status: int = 200) -> Response[Any]:
    return pages.page(request, "code.html", status=status, email=email, fault=fault)
