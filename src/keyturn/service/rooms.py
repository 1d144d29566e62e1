"""The rooms: what builds their parts, their routes, pages and checks. Without its lines here, a room is off."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.finding import Finding
from keyturn.service.api import form_texts, resets, sessions
from keyturn.service.api.json_routes import ANYONE, json_router
from keyturn.service.api.monitoring import health_routes
from keyturn.service.api.problems import NO_STORE, OF_API, problem_handlers
from keyturn.service.api.requests import calling
from keyturn.service.database import Database
from keyturn.service.inviting import routes as inviting
from keyturn.service.inviting.invitations import Operators
from keyturn.service.pages import forgot, reset, sign_in
from keyturn.service.pages.assets import frontend_routes
from keyturn.service.pages.refusals import refusal_handlers
from keyturn.service.pages.rendering import Pages, page_at, taking_link, visiting
from keyturn.service.pages.security import form_token_check
from keyturn.service.parts import Parts
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import challenge
from keyturn.service.reset.proofs import codes as mailed_codes
from keyturn.service.reset.proofs.second_step import required_step as second_step
from keyturn.service.reset.proofs.second_step.own_step import BuiltinFactors
from keyturn.service.securing import web as securing
from keyturn.service.securing.securing import AccountSecuring
from keyturn.service.sending.reports import ProviderReports
from keyturn.service.settings import Settings
from keyturn.service.webhooks import sender as webhooks


class Room(NamedTuple):
    """A capability that can be taken out. `build`: by the settings, the ground and the ports that it needs."""

    build: Callable[..., Any]
    routes: Callable[[Parts], Iterable[Router]] = lambda _: ()
    pages: Callable[[Pages], Iterable[Router]] = lambda _: ()
    check: Callable[[Settings], Awaitable[Sequence[Finding]]] | None = None
    unreadable: Callable[[Database, Sequence[str]], Awaitable[int]] | None = None
    """Counts the accounts with stored data that none of these keys decrypts."""


def _api(tag: str, handler: HTTPRouteHandler) -> Callable[[Parts], Iterable[Router]]:
    return lambda parts: [json_router(parts.paths.api, tag, ANYONE, handler)]


ROOMS: Mapping[str, Room] = {
    "breaches": Room(breaches.build, check=breaches.check),
    "challenge": Room(challenge.build, _api("Password reset", challenge.get_challenge), check=challenge.check),
    "codes": Room(mailed_codes.build, _api("Password reset", mailed_codes.verify_reset_code), mailed_codes.pages),
    "second_step": Room(second_step.build, unreadable=BuiltinFactors.count_unreadable),
    "securing": Room(AccountSecuring, _api("Not me", securing.secure_account), securing.pages),
    "operators": Room(Operators, inviting.routes),
    "webhooks": Room(webhooks.build),
}
"""By the names of their parts, in the order of the API and of the doctor."""


def _on(parts: Parts) -> Iterator[Room]:
    return (room for name, room in ROOMS.items() if getattr(parts, name))


def api_router(parts: Parts) -> Router:
    """Return all that is for programs, as far as it is on: the API, what providers report, /health."""
    reports = ProviderReports(parts.settings, parts.ground).handlers()
    return Router(
        "/",
        route_handlers=[*_routes_of(parts), *reports, health_routes],
        dependencies=calling(parts),
        exception_handlers=problem_handlers(parts.languages, parts.meters),
        response_headers=NO_STORE,
        opt={OF_API: True},
    )


def _routes_of(parts: Parts) -> Iterator[Router]:
    """Yield the routes that take JSON. Sessions are at /api/auth, wherever the others are."""
    yield json_router(parts.paths.api, "Password reset", ANYONE, *resets.ROUTES, form_texts.get_form_texts)
    for room in _on(parts):
        yield from room.routes(parts)
    if parts.sign_ins:
        guard = sessions.same_origin_guard(parts.settings.origin)
        yield json_router("/api/auth", "Sessions", (), *sessions.ROUTES, guards=[guard])


def pages_router(pages: Pages) -> Router:
    """Return the pages, to be mounted beside the API. Raises SettingsInvalid for custom templates."""
    site = pages.site
    if site.settings.pages.templates:
        from keyturn.service.pages.preview import PagePreview  # every state of every page

        if faults := PagePreview(lambda: site.settings).faults():
            raise SettingsInvalid(faults)
    return Router(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *_pages_of(pages)],
        dependencies=visiting(pages),
        middleware=[form_token_check(pages.parts, pages.cookies)],
        exception_handlers=refusal_handlers(pages),
        include_in_schema=False,
    )


def _pages_of(pages: Pages) -> Iterator[Router]:
    """Yield each hosted page at its path, which is "" if the page is elsewhere."""
    parts, cookies, paths = pages.parts, pages.cookies, pages.site.paths
    if paths.forgot:
        yield page_at(paths.forgot, forgot.show, forgot.ask)
    for room in _on(parts):
        yield from room.pages(pages)
    if paths.reset:
        yield page_at(paths.reset, taking_link(cookies.link), *reset.ROUTES, forgot.replace_expired)
    if parts.sign_ins:
        yield page_at(paths.sign_in, sign_in.show, sign_in.sign_in, sign_in.send_code)
        yield page_at("/logout", sign_in.sign_out, back=paths.sign_in)
        card = sign_in.show_settings, sign_in.request_password_change
        for path in pages.site.settings_paths:
            yield page_at(path, *card, back=paths.sign_in)
