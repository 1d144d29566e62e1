"""The tables of what rooms bring: routes, pages, and checks for the doctor. What is off is missing."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from litestar import Router

from keyturn.mail.port.finding import Finding
from keyturn.service.api.form_texts import get_texts
from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.api.resets import ResetController
from keyturn.service.api.sessions import SessionController, same_origin_guard
from keyturn.service.inviting.routes import WITH_KEY, invite, mint_link, service_key_guard
from keyturn.service.pages.forgot import ForgotPassword, replace_expired
from keyturn.service.pages.opening import taking_link
from keyturn.service.pages.reading import page_at
from keyturn.service.pages.rendering import Pages
from keyturn.service.pages.reset import ResetPassword
from keyturn.service.pages.security_settings import SecuritySettings
from keyturn.service.pages.sign_in import SignIn, sign_out
from keyturn.service.parts import Parts
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import challenge
from keyturn.service.reset.proofs.web import get_challenge, show_code_form, take_code, verify_code
from keyturn.service.securing.pages import SecureAccount
from keyturn.service.securing.routes import secure_account
from keyturn.service.settings import Settings


def routes_of(parts: Parts) -> Iterator[Router]:
    """Yield the routes that take JSON. Sessions are at /api/auth, wherever the others are."""
    path, invitations = parts.paths.api, parts.invitations
    yield json_router(path, "Password reset", ANYONE, ResetController, get_texts)
    if parts.challenge:
        yield json_router(path, "Password reset", ANYONE, get_challenge)
    if parts.codes:
        yield json_router(path, "Password reset", ANYONE, verify_code)
    # The tokens of earlier mails are taken where new mails have none.
    yield json_router(path, "Not me", ANYONE, secure_account)
    if invitations.over_http:
        yield json_router(path, "Invitations", WITH_KEY, invite, guards=[service_key_guard(invitations)])
    if invitations.links_over_http:
        guard = service_key_guard(invitations, for_links=True)
        yield json_router(path, "Invitations", WITH_KEY, mint_link, guards=[guard])
    if parts.sign_ins:
        guard = same_origin_guard(parts.settings.origin)
        yield json_router("/api/auth", "Sessions", (), SessionController, guards=[guard])


def pages_of(pages: Pages) -> Iterator[Router]:
    """Yield each hosted page at its path, which is "" if the page is elsewhere."""
    parts, cookies, paths = pages.parts, pages.cookies, pages.site.paths
    if paths.forgot:
        yield page_at(paths.forgot, ForgotPassword)
    if paths.forgot and parts.codes:
        yield page_at(paths.forgot, show_code_form, take_code)
    if paths.reset:
        yield page_at(paths.reset, taking_link(pages, cookies.link), ResetPassword, replace_expired)
    if paths.secure:
        yield page_at(paths.secure, taking_link(pages, cookies.proof), SecureAccount, back=paths.forgot)
    if parts.sign_ins:
        yield page_at(paths.sign_in, SignIn)
        yield page_at("/logout", sign_out, back=paths.sign_in)
        for path in pages.site.settings_paths:
            yield page_at(path, SecuritySettings, back=paths.sign_in)


CHECKS: Mapping[str, Callable[[Settings], Awaitable[Sequence[Finding]]]] = {
    "breaches": breaches.check,
    "challenge": challenge.check,
}
"""What the doctor asks, in its order."""
