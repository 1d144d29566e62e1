"""The pages that request a link. They are the same for every address."""

from typing import Any

import msgspec
from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn.service import identifiers
from keyturn.service.api.requests import READ
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import PageResponse, Visit
from keyturn.service.pages.security import content_security_policy
from keyturn.service.problems.proofs import (
    Challenge,
    ChallengeFlaw,
    ChallengeRequired,
    LinkDead,
    flaw_text,
)
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.records.links import facts_of


class ForgotForm(
    msgspec.Struct,
    frozen=True,
    rename={"turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response"},
):
    """The submitted form.

    `email`: the address as typed; "" if the form has no such field.
    `altcha`, `turnstile`, `hcaptcha`: the answer to a challenge, under the name that its widget
    uses.
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
    visit: Visit,
    return_to: str,
    *,
    email: str = "",
    malformed: bool = False,
    flaw: ChallengeFlaw | None = None,
) -> PageResponse:
    """Return the form. Only its policy allows the hosts of an external challenge."""
    status = 200
    if malformed:
        status = 422
    if flaw:
        status = 403
    return visit.page(
        "forgot.html",
        status=status,
        email=email,
        malformed=malformed,
        return_to=return_to,
        **_challenge_values(visit, flaw),
    )


def _challenge_values(visit: Visit, flaw: ChallengeFlaw | None) -> dict[str, Any]:
    challenge: Challenge | None = None
    method = ""
    if visit.container.challenge:
        challenge = visit.container.challenge.widget
        method = challenge.method
    headers = {"Content-Security-Policy": content_security_policy(visit.site, method)}
    return {"asked": challenge, "flaw": flaw, "flaw_text": flaw_text, "headers": headers}


def dead_link_page(visit: Visit, dead: LinkDead, flaw: ChallengeFlaw | None = None) -> PageResponse:
    """Return the page of a dead link.

    An expired link has a button that requests another one, with the challenge of any request.

    If a form is for another account than the link in this browser, it comes from an older tab. The
    link of that tab may still work, so the page says so.
    """
    if dead.is_another and visit.request.method == "POST":
        return visit.page("another_link.html", status=dead.status)
    return visit.page(
        "dead_link.html",
        status=403 if flaw else dead.status,
        reason=dead.reason,
        email_hint=dead.email_hint,
        lifetime=visit.site.link_life,
        **_challenge_values(visit, flaw if dead.email_hint else None),
    )


class ForgotPage(Controller):
    """Request a link."""

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Show the form, or "Check your email" after it."""
        link_request = visit.cookies.read_link_request(visit.request)
        query = visit.request.query_params
        if link_request and {"another", "return_to"}.isdisjoint(query):
            return visit.page("check_mail.html", link_request=link_request)
        earlier = link_request.return_to if link_request else ""
        wanted = query.get("return_to", earlier)
        # An address that is not allowed is ignored, since the user cannot correct it.
        return forgot_page(visit, visit.container.return_addresses.allowed(wanted))

    @post("/")
    async def ask(
        self, data: URLEncodedBody[ForgotForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Request the link, then redirect.

        The answer depends only on the input, never on an account (ASVS 6.3.8).
        """
        path = visit.site.paths.forgot
        here = visit.site.url(path)
        earlier = visit.cookies.read_link_request(visit.request)
        try:
            identifier = identifiers.identify(data.email, takes_names=visit.site.takes_names)
        except InputInvalid:
            identifier = ""  # `accept` below counts the mistake
        # During the cooldown, the worker would send no mail.
        if earlier and earlier.wait and identifier == earlier.email:
            return visit.redirect(here)
        back = visit.container.return_addresses.allowed(data.return_to)
        try:
            await visit.container.requests.accept(data.email, visit.client, data.answer, back)
        except InputInvalid:
            return forgot_page(visit, back, email=data.email, malformed=True)
        except ChallengeRequired as required:
            return forgot_page(visit, back, email=data.email, flaw=required.reason)
        return visit.redirect(here, visit.cookies.set_link_request(identifier, path, back))


class ExpiredLinkPage(Controller):
    """Request a new link in place of an expired one, on the page of the link."""

    @post("/replace")
    async def replace(
        self, data: URLEncodedBody[ForgotForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Request a new link for the address of the expired link that was opened in this browser.

        The page shows that address only masked.
        """
        path = visit.site.paths.reset
        cookies = visit.cookies
        client = visit.client
        token, _ = cookies.opened_link(visit.request)
        try:
            link = await visit.container.checks.require_expired(token, client)
        except InputInvalid:  # the link still works
            return visit.redirect(visit.site.url(path))
        hint = identifiers.mask(facts_of(link).email)
        try:
            await visit.container.requests.replace(link, client, data.answer)
        except ChallengeRequired as required:
            dead = LinkDead("expired")
            dead.email_hint = hint
            return dead_link_page(visit, dead, required.reason)
        flash = cookies.set_flash(Flash("link_replaced", email=hint), path)
        return visit.redirect(visit.site.url(path), cookies.link.expire(), flash)
