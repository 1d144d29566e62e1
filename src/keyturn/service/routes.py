"""Lists the routes and pages of a service. Those of a feature that is off are left out."""

from collections.abc import Iterator

from litestar import Controller, Router
from litestar.types import Guard

from keyturn.errors import SettingsInvalid
from keyturn.service.api.account_security import AccountSecurityController, AccountSecurityServices
from keyturn.service.api.challenges import ChallengeController, ChallengeServices
from keyturn.service.api.codes import CodeController, CodeServices
from keyturn.service.api.cookies import device_cookie, session_cookie
from keyturn.service.api.delivery_reports import ProviderReports
from keyturn.service.api.form_texts import FormTextController, FormTextServices
from keyturn.service.api.health import HealthController
from keyturn.service.api.invitations import (
    InvitationController,
    InvitationServices,
    LinkController,
    key_guard,
)
from keyturn.service.api.json_bodies import require_json
from keyturn.service.api.password_resets import PasswordResetController, PasswordResetServices
from keyturn.service.api.problems import NO_STORE, OF_API, problem_handlers
from keyturn.service.api.requests import given
from keyturn.service.api.sessions import SessionController, SessionServices, same_origin_guard
from keyturn.service.container import Container
from keyturn.service.pages.account_security import AccountSecurityPage
from keyturn.service.pages.codes import CodePage
from keyturn.service.pages.forgot import ExpiredLinkPage, ForgotPage
from keyturn.service.pages.frontend import frontend_routes
from keyturn.service.pages.refusals import refusal_handlers
from keyturn.service.pages.rendering import Pages, visit_dependency
from keyturn.service.pages.reset import ResetPage
from keyturn.service.pages.security import form_token_check
from keyturn.service.pages.security_settings import SecuritySettingsPage
from keyturn.service.pages.sign_in import SignInPage, SignOutPage
from keyturn.service.settings.paths import FixedRoute


def api_router(container: Container) -> Router:
    """Return the routes for programs: the API, the providers' reports, and /health."""
    reports = ProviderReports(container.settings, container.stores).handlers()
    return Router(
        "/",
        route_handlers=[*_api(container), *reports, HealthController],
        dependencies={"container": given(container)},
        exception_handlers=problem_handlers(container.languages, container.meters),
        response_headers=NO_STORE,
        opt={OF_API: True},
    )


def _api(container: Container) -> Iterator[Router]:
    """Yield the routes of the JSON API."""
    path = container.paths.api
    languages = container.languages
    resets = PasswordResetServices(
        requests=container.requests,
        checks=container.checks,
        resets=container.resets,
        policy=container.policy,
        sign_ins=container.sign_ins,
        device_cookie=device_cookie(container.settings),
        languages=languages,
    )
    yield _json_router(path, PasswordResetController, resets)

    texts = FormTextServices(
        languages=languages,
        challenge=container.challenge.widget if container.challenge else None,
        link_life=container.lifetimes.requested,
        codes=container.codes is not None,
        takes_names=container.accounts.takes_names,
    )
    yield _json_router(path, FormTextController, texts)

    if container.challenge:
        yield _json_router(
            path, ChallengeController, ChallengeServices(challenge=container.challenge)
        )

    if container.codes:
        yield _json_router(path, CodeController, CodeServices(codes=container.codes))

    security = AccountSecurityServices(securing=container.securing, languages=languages)
    yield _json_router(path, AccountSecurityController, security)

    invitations = InvitationServices(invitations=container.invitations, languages=languages)
    if container.invitations.over_http:
        yield _json_router(
            path, InvitationController, invitations, key_guard(container.invitations)
        )
    if container.invitations.links_over_http:
        yield _json_router(
            path, LinkController, invitations, key_guard(container.invitations, for_links=True)
        )

    if container.sign_ins:
        sessions = SessionServices(
            sign_ins=container.sign_ins,
            session=session_cookie(container.settings),
            device=device_cookie(container.settings),
            languages=languages,
        )
        yield _json_router(
            "/", SessionController, sessions, same_origin_guard(container.settings.origin)
        )


def _json_router(
    path: str, controller: type[Controller], services: object, *guards: Guard
) -> Router:
    return Router(
        path,
        route_handlers=[controller],
        dependencies={"services": given(services)},
        before_request=require_json,
        guards=guards,
    )


def pages_router(pages: Pages) -> Router:
    """Return the hosted pages.

    Raises SettingsInvalid if a custom template has a mistake.
    """
    site = pages.site
    if site.settings.pages.templates:
        from keyturn.service.pages.preview import PagePreview  # every state of every page

        faults = PagePreview(lambda: site.settings).faults()
        if faults:
            raise SettingsInvalid(faults)
    return Router(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *_pages(pages)],
        dependencies=visit_dependency(pages),
        middleware=[form_token_check(pages.container, pages.cookies)],
        exception_handlers=refusal_handlers(pages),
        include_in_schema=False,
    )


def _pages(pages: Pages) -> Iterator[Router]:
    """Yield each hosted page at its path. A page elsewhere has the path "", and is left out."""
    container = pages.container
    paths = pages.site.paths
    if paths.forgot:
        yield _page(paths.forgot, ForgotPage)
    if paths.forgot and container.codes:
        yield _page(f"{paths.forgot}/code", CodePage, back=paths.forgot)
    if paths.secure_account:
        yield _page(paths.secure_account, AccountSecurityPage, back=paths.forgot)
    if paths.reset:
        yield _page(paths.reset, ResetPage, ExpiredLinkPage)
    if container.sign_ins:
        yield _page(paths.sign_in, SignInPage)
        yield _page(FixedRoute.LOGOUT, SignOutPage, back=paths.sign_in)
        for path in pages.site.settings_paths:
            yield _page(path, SecuritySettingsPage, back=paths.sign_in)


def _page(path: str, *controllers: type[Controller], back: str = "") -> Router:
    """Return the routes of a page, at its path and below it.

    `back`: the path to which its error pages lead, by default its own.
    """
    return Router(path, route_handlers=controllers, opt={"here": path, "back": back or path})
