"""Lists the routes and pages of a service. Those of a feature that is off are left out."""

from collections.abc import Iterator

from litestar import Controller, Router
from litestar.types import Guard

from keyturn.errors import SettingsInvalid
from keyturn.service.api.account_security import AccountSecurityController, AccountSecurityServices
from keyturn.service.api.challenges import ChallengeController, ChallengeServices
from keyturn.service.api.codes import CodeController, CodeServices
from keyturn.service.api.cookies import device_cookie, session_cookie
from keyturn.service.api.form_texts import FormTextController, FormTextServices
from keyturn.service.api.health import HealthController
from keyturn.service.api.invitations import (
    InvitationController,
    LinkController,
    OperatorServices,
    key_guard,
)
from keyturn.service.api.json_bodies import require_json
from keyturn.service.api.password_resets import PasswordResetController, PasswordResetServices
from keyturn.service.api.problems import NO_STORE, OF_API, problem_handlers
from keyturn.service.api.requests import given
from keyturn.service.api.sessions import SessionController, SessionServices, same_origin_guard
from keyturn.service.pages.account_security import AccountSecurityPage
from keyturn.service.pages.assets import frontend_routes
from keyturn.service.pages.codes import CodePage
from keyturn.service.pages.forgot import ExpiredLinkPage, ForgotPage
from keyturn.service.pages.refusals import refusal_handlers
from keyturn.service.pages.rendering import Pages, visiting
from keyturn.service.pages.reset import ResetPage
from keyturn.service.pages.security import form_token_check
from keyturn.service.pages.sign_in import SecuritySettingsPage, SignInPage, SignOutPage
from keyturn.service.parts import Parts
from keyturn.service.sending.reports import ProviderReports


def api_router(parts: Parts) -> Router:
    """Return the routes for programs: the API, the providers' reports, and /health."""
    reports = ProviderReports(parts.settings, parts.ground).handlers()
    return Router(
        "/",
        route_handlers=[*_api(parts), *reports, HealthController],
        dependencies={"parts": given(parts)},
        exception_handlers=problem_handlers(parts.languages, parts.meters),
        response_headers=NO_STORE,
        opt={OF_API: True},
    )


def _api(parts: Parts) -> Iterator[Router]:
    """Yield the routes of the JSON API."""
    path = parts.paths.api
    languages = parts.languages
    resets = PasswordResetServices(
        requests=parts.requests,
        checks=parts.checks,
        resets=parts.resets,
        policy=parts.policy,
        sign_ins=parts.sign_ins,
        device_cookie=device_cookie(parts.settings),
        languages=languages,
    )
    yield _json_router(path, PasswordResetController, resets)

    texts = FormTextServices(
        languages=languages,
        challenge=parts.challenge.widget if parts.challenge else None,
        link_life=parts.settings.token.ttl,
        codes=parts.codes is not None,
        takes_names=parts.accounts.takes_names,
    )
    yield _json_router(path, FormTextController, texts)

    if parts.challenge:
        yield _json_router(path, ChallengeController, ChallengeServices(challenge=parts.challenge))

    if parts.codes:
        yield _json_router(path, CodeController, CodeServices(codes=parts.codes))

    security = AccountSecurityServices(securing=parts.securing, languages=languages)
    yield _json_router(path, AccountSecurityController, security)

    operators = OperatorServices(operators=parts.operators, languages=languages)
    if parts.operators.over_http:
        yield _json_router(path, InvitationController, operators, key_guard(parts.operators))
    if parts.operators.links_over_http:
        yield _json_router(
            path, LinkController, operators, key_guard(parts.operators, for_links=True)
        )

    if parts.sign_ins:
        sessions = SessionServices(
            sign_ins=parts.sign_ins,
            session=session_cookie(parts.settings),
            device=device_cookie(parts.settings),
            languages=languages,
        )
        yield _json_router(
            "/", SessionController, sessions, same_origin_guard(parts.settings.origin)
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

        if faults := PagePreview(lambda: site.settings).faults():
            raise SettingsInvalid(faults)
    return Router(
        "/",
        route_handlers=[pages.assets.route(), *frontend_routes(site), *_pages(pages)],
        dependencies=visiting(pages),
        middleware=[form_token_check(pages.parts, pages.cookies)],
        exception_handlers=refusal_handlers(pages),
        include_in_schema=False,
    )


def _pages(pages: Pages) -> Iterator[Router]:
    """Yield each hosted page at its path. A page elsewhere has the path "", and is left out."""
    parts, paths = pages.parts, pages.site.paths
    if paths.forgot:
        yield _page(paths.forgot, ForgotPage)
    if paths.forgot and parts.codes:
        yield _page(f"{paths.forgot}/code", CodePage, back=paths.forgot)
    if paths.secure:
        yield _page(paths.secure, AccountSecurityPage, back=paths.forgot)
    if paths.reset:
        yield _page(paths.reset, ResetPage, ExpiredLinkPage)
    if parts.sign_ins:
        yield _page(paths.sign_in, SignInPage)
        yield _page("/logout", SignOutPage, back=paths.sign_in)
        for path in pages.site.settings_paths:
            yield _page(path, SecuritySettingsPage, back=paths.sign_in)


def _page(path: str, *controllers: type[Controller], back: str = "") -> Router:
    """Return the routes of a page, at its path and below it.

    `back`: the path to which its error pages lead, by default its own.
    """
    return Router(path, route_handlers=controllers, opt={"here": path, "back": back or path})
