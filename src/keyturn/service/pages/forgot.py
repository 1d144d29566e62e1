"""Requesting a link: the same page for every address, and a challenge if one is required.

The page of an expired link requests another one, too.
"""

from functools import partial
from typing import Any

import msgspec
from litestar import Controller, Response, post
from litestar.params import URLEncodedBody

from keyturn.service import addresses
from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.reading import reading
from keyturn.service.pages.rendering import GivenPages, Pages
from keyturn.service.pages.security import content_security_policy
from keyturn.service.problems.proofs import ChallengeFlaw, ChallengeRequired, LinkDead, flaw_text
from keyturn.service.problems.requests import InputInvalid


class ForgotForm(
    msgspec.Struct, frozen=True, rename={"turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response"}
):
    """The submitted form: the address as typed, if it has a field, and an answer under the name of its widget.

    `return_to`: where to go after the reset.
    """

    email: str = ""
    altcha: str = ""
    turnstile: str = ""
    hcaptcha: str = ""
    return_to: str = ""

    @property
    def answer(self) -> str:
        return self.altcha or self.turnstile or self.hcaptcha


def forgot_page(
    pages: Pages,
    request: AnyRequest,
    *,
    email: str = "",
    malformed: bool = False,
    flaw: ChallengeFlaw | None = None,
    return_to: str = "",
) -> Response[Any]:
    """Return the form. It holds the challenge, if there is one.

    The policy lets in the hosts of an external challenge, on this page only.
    """
    status = 403 if flaw else 422 if malformed else 200
    challenge = _challenge_values(pages, flaw)
    known: dict[str, Any] = {"email": email, "malformed": malformed, "return_to": return_to}
    return pages.page(request, "forgot.html", status=status, **known, **challenge)


def _challenge_values(pages: Pages, flaw: ChallengeFlaw | None) -> dict[str, Any]:
    gate = pages.parts.challenge
    challenge = gate.widget if gate else None
    headers = {"Content-Security-Policy": content_security_policy(pages.site, challenge.method if challenge else "")}
    return {"asked": challenge, "flaw": flaw, "flaw_text": flaw_text, "headers": headers}


def dead_link_page(
    pages: Pages, request: AnyRequest, dead: LinkDead, flaw: ChallengeFlaw | None = None
) -> Response[Any]:
    """Return the page of a dead link. An expired one can be replaced by a button, with the challenge of a request."""
    return pages.page(
        request,
        "dead_link.html",
        status=403 if flaw else dead.status,
        reason=dead.reason,
        email_hint=dead.email_hint,
        lifetime=pages.site.link_life,
        **_challenge_values(pages, flaw if dead.email_hint else None),
    )


@post("/replace")
async def replace_expired(request: AnyRequest, data: URLEncodedBody[ForgotForm], pages: GivenPages) -> Response[Any]:
    """Request a new link for the address of the expired one that was opened here. The address stays masked.

    Raises LinkDead, TooManyRequests.
    """
    site, path = pages.site, pages.site.paths.reset
    (token, _), client = pages.cookies.opened_link(request), client_of(request)
    try:
        link = await pages.parts.checks.require_expired(token, client)
    except InputInvalid:  # it still works
        return pages.redirect(site.url(path))
    hint = addresses.mask(link.facts.email)
    try:
        await pages.parts.requests.replace(link, client, data.answer)
    except ChallengeRequired as required:
        dead = LinkDead("expired")
        dead.email_hint = hint
        return dead_link_page(pages, request, dead, required.reason)
    flash = pages.cookies.set_flash(Flash("link_replaced", email=hint), path)
    return pages.redirect(site.url(path), pages.cookies.link.expire(), flash)


class ForgotPassword(Controller):
    """The page that asks for the address, and "Check your email" after it. Mounted by the settings."""

    @reading()
    async def show(self, request: AnyRequest, pages: GivenPages) -> Response[Any]:
        link_request = pages.cookies.read_link_request(request)
        if link_request is None or not {"another", "return_to"}.isdisjoint(request.query_params):
            earlier = link_request.return_to if link_request else ""
            wanted = request.query_params.get("return_to", earlier)
            # An address that is not allowed is ignored: the user cannot correct it.
            return forgot_page(pages, request, return_to=pages.parts.return_addresses.allowed(wanted))
        return pages.page(request, "check_mail.html", link_request=link_request)

    @post()
    async def ask(self, request: AnyRequest, data: URLEncodedBody[ForgotForm], pages: GivenPages) -> Response[Any]:
        """Request the link, then redirect, so that reloading "Check your email" requests nothing.

        The answer depends only on the input, never on whether there is an account (ASVS 6.3.8). Within the cooldown no
        link is requested, because the worker would hold the mail back.
        """
        path = pages.site.paths.forgot
        here, earlier = pages.site.url(path), pages.cookies.read_link_request(request)
        try:
            identifier = addresses.identify(data.email, takes_names=pages.site.takes_names)
        except InputInvalid:
            identifier = ""  # `accept` counts it
        if earlier and earlier.wait and identifier == earlier.email:
            return pages.redirect(here)
        back = pages.parts.return_addresses.allowed(data.return_to)
        form = partial(forgot_page, pages, request, email=data.email, return_to=back)
        try:
            await pages.parts.requests.accept(data.email, client_of(request), data.answer, back)
        except InputInvalid:
            return form(malformed=True)
        except ChallengeRequired as required:
            return form(flaw=required.reason)
        return pages.redirect(here, pages.cookies.set_link_request(identifier, path, back))
