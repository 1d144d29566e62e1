"""Selects the parts that the API and the hosted pages need, and makes their routes."""

from urllib.parse import urlsplit

from litestar import Router
from litestar.openapi.spec import SecurityScheme

from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.api.requests import HostCookie, ResetApi, SessionApi
from keyturn.service.api.responses import SERVICE_KEY, SESSION, service_key_scheme, session_scheme
from keyturn.service.api.router import api_router
from keyturn.service.keys import derive
from keyturn.service.pages import Site, pages_router
from keyturn.service.parts import Parts
from keyturn.service.sending.reports import ProviderReports
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path

_DEVICE_LIFE = 400 * 24 * 3600
"""Seconds; browsers keep no cookie longer (RFC 6265bis, 5.5)."""


def api_of(parts: Parts) -> Router:
    reports = ProviderReports(parts.settings, parts.ground)
    return api_router(reset_api_of(parts), parts.settings.origin, parts.paths.api, reports.handlers())


def pages_of(parts: Parts) -> Router:
    """Return the hosted pages. Raises SettingsInvalid for mistakes in templates of the operator's own."""
    return pages_router(site_of(parts))


def security_schemes(parts: Parts) -> dict[str, SecurityScheme]:
    """Return what clients may have to show to the API, for OpenAPI."""
    schemes = {SESSION: session_scheme(session_cookie_of(parts.settings).name)} if parts.sign_ins else {}
    return schemes | ({SERVICE_KEY: service_key_scheme()} if parts.invitations.over_http else {})


def reset_api_of(parts: Parts) -> ResetApi:
    """Return the parts that the API needs."""
    sessions = None
    if parts.sign_ins:
        sessions = SessionApi(
            sign_ins=parts.sign_ins,
            cookie=session_cookie_of(parts.settings),
            device_cookie=device_cookie_of(parts.settings),
            languages=parts.languages,
        )
    return ResetApi(
        requests=parts.requests,
        checks=parts.checks,
        resets=parts.resets,
        invitations=parts.invitations,
        operator_links=parts.operator_links,
        policy=parts.policy,
        sessions=sessions,
        require_ready=parts.require_ready,
        languages=parts.languages,
        link_life=parts.settings.token.ttl,
        challenge=parts.challenge,
        codes=parts.code_exchange,
        takes_names=parts.ground.accounts.takes_names,
        securing=parts.securing,
    )


def session_cookie_of(settings: Settings) -> HostCookie:
    return HostCookie(holds="session", secure=settings.secure, max_age=int(settings.session.ttl.total_seconds()))


def device_cookie_of(settings: Settings) -> HostCookie:
    return HostCookie(holds="device", secure=settings.secure, max_age=_DEVICE_LIFE)


def site_of(parts: Parts) -> Site:
    """Return the parts that the hosted pages need."""
    settings = parts.settings
    return Site(
        requests=parts.requests,
        checks=parts.checks,
        resets=parts.resets,
        sign_ins=parts.sign_ins,
        policy=parts.policy,
        languages=parts.languages,
        brand=settings.brand,
        palette=parts.themes.general.palette,
        session_cookie=session_cookie_of(settings),
        device_cookie=device_cookie_of(settings),
        csrf_secret=derive(parts.secrets[0], "forms").hex(),
        secure=settings.secure,
        link_life=parts.settings.token.ttl,
        mailboxes=parts.mailboxes,
        securing=parts.securing,
        paths=parts.paths,
        kinds=parts.themes.kinds,
        sign_in_url="" if hosted_path(settings.sign_in_page) and parts.sign_ins else parts.urls.sign_in(),
        leads_to_sign_in=settings.after_reset == "sign_in",
        forgot_url="" if hosted_path(settings.forgot_url) else parts.urls.forgot(),
        prefix=urlsplit(settings.base_url).path.rstrip("/"),
        templates=settings.pages.templates,
        reload=parts.reloads_templates,
        has_app=settings.accounts.store != "builtin",
        takes_names=parts.ground.accounts.takes_names,
        return_addresses=parts.return_addresses,
        identity_provider=settings.identity_provider,
        challenge=parts.challenge,
        codes=parts.code_exchange,
        ends_sessions=ends_sessions(settings.accounts),
    )
