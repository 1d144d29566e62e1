"""The form that asks for a link, with the challenge where one is asked for."""

from typing import Any

import msgspec
from litestar import Response

from keyturn.api.requests import AnyRequest
from keyturn.pages.rendering import Pages
from keyturn.pages.security import content_security_policy
from keyturn.problems.proofs import ChallengeFlaw, flaw_text
from keyturn.reset.proofs.challenge import Answer


class ForgotForm(
    msgspec.Struct, frozen=True, rename={"turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response"}
):
    """What the form sends: the address as it was typed, and an answer under the name that its widget has for it.

    `without_script` is sent where a browser runs no scripts.
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
    """Return the form. With `flaw`, or where every request is asked for an answer, it holds the challenge.

    Where that is a service's, the policy lets its hosts in on this page alone.
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
