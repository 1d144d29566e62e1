"""The tables of what rooms bring: routes, pages, and checks for the doctor. What is off is missing."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from litestar import Router

from keyturn.mail.port.finding import Finding
from keyturn.service.api import form_texts, resets, sessions
from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.inviting import routes as inviting
from keyturn.service.pages import forgot, reset, security_settings, sign_in
from keyturn.service.pages.opening import taking_link
from keyturn.service.pages.reading import page_at
from keyturn.service.pages.rendering import Pages
from keyturn.service.parts import Parts
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import challenge
from keyturn.service.reset.proofs import web as proofs
from keyturn.service.securing import pages as securing_pages
from keyturn.service.securing import routes as securing
from keyturn.service.settings import Settings


def routes_of(parts: Parts) -> Iterator[Router]:
    """Yield the routes that take JSON. Sessions are at /api/auth, wherever the others are."""
    path, invitations, key_guard = parts.paths.api, parts.invitations, inviting.service_key_guard
    yield json_router(path, "Password reset", ANYONE, *resets.ROUTES, form_texts.get_form_texts)
    if parts.challenge:
        yield json_router(path, "Password reset", ANYONE, proofs.get_challenge)
    if parts.codes:
        yield json_router(path, "Password reset", ANYONE, proofs.verify_reset_code)
    # The tokens of earlier mails are taken where new mails have none.
    yield json_router(path, "Not me", ANYONE, securing.secure_account)
    if invitations.over_http:
        yield json_router(path, "Invitations", inviting.WITH_KEY, inviting.invite, guards=[key_guard(invitations)])
    if invitations.links_over_http:
        guard = key_guard(invitations, for_links=True)
        yield json_router(path, "Invitations", inviting.WITH_KEY, inviting.mint_link, guards=[guard])
    if parts.sign_ins:
        guard = sessions.same_origin_guard(parts.settings.origin)
        yield json_router("/api/auth", "Sessions", (), *sessions.ROUTES, guards=[guard])


def pages_of(pages: Pages) -> Iterator[Router]:
    """Yield each hosted page at its path, which is "" if the page is elsewhere."""
    parts, cookies, paths = pages.parts, pages.cookies, pages.site.paths
    if paths.forgot:
        yield page_at(paths.forgot, forgot.ForgotPassword)
    if paths.forgot and parts.codes:
        yield page_at(paths.forgot, proofs.show_code_form, proofs.take_code)
    if paths.reset:
        yield page_at(paths.reset, taking_link(pages, cookies.link), reset.ResetPassword, forgot.replace_expired)
    if paths.secure:
        opening = taking_link(pages, cookies.proof)
        yield page_at(paths.secure, opening, securing_pages.SecureAccount, back=paths.forgot)
    if parts.sign_ins:
        yield page_at(paths.sign_in, sign_in.SignIn)
        yield page_at("/logout", sign_in.sign_out, back=paths.sign_in)
        for path in pages.site.settings_paths:
            yield page_at(path, security_settings.SecuritySettings, back=paths.sign_in)


CHECKS: Mapping[str, Callable[[Settings], Awaitable[Sequence[Finding]]]] = {
    "breaches": breaches.check,
    "challenge": challenge.check,
}
"""What the doctor asks, in its order."""
