"""Derives the paths of the API and the hosted pages, and the links to them, from the settings."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from keyturn.service.settings import SecureAccountSettings, Settings
from keyturn.service.settings.building import member_name


class ApiRoute(StrEnum):
    """The routes of the API, below `server.api_path`."""

    REQUEST_PASSWORD_RESET = "/request-password-reset"
    FORGOT_PASSWORD = "/forgot-password"
    VALIDATE_RESET_TOKEN = "/validate-reset-token"
    VERIFY_RESET_TOKEN = "/verify-reset-token"
    VERIFY_RESET_CODE = "/verify-reset-code"
    REPLACE_EXPIRED_LINK = "/replace-expired-link"
    RESET_PASSWORD = "/reset-password"
    RESET_PASSWORD_WITH_TOKEN = "/reset-password-with-token"
    CHECK_PASSWORD = "/check-password"
    PASSWORD_POLICY = "/password-policy"
    TEXTS = "/texts"
    CHALLENGE = "/challenge"
    SECURE_ACCOUNT = "/secure-account"
    LINKS = "/links"
    INVITATIONS = "/invitations"


class SessionRoute(StrEnum):
    """The routes of sessions, which no setting moves."""

    LOGIN = "/api/auth/login"
    LOGOUT = "/api/auth/logout"
    ME = "/api/auth/me"
    CHANGE_PASSWORD = "/api/auth/change-password"


class FixedRoute(StrEnum):
    """The other routes that no setting moves. No page is at such a path or below it.

    `STUDIO`: the studio, which `keyturn demo` serves beside the pages.
    """

    ASSETS = "/keyturn-assets"
    HEALTH = "/health"
    LOGOUT = "/logout"
    METRICS = "/metrics"
    SCHEMA = "/schema"
    SCRIPT = "/keyturn.js"
    SCRIPT_TYPES = "/keyturn.d.ts"
    STUDIO = "/studio"
    WEBHOOKS = "/webhooks"


OPEN_LINK = "/open"
"""Below the path of `reset_url`: takes a token that was behind the "#" of a link."""

SECURITY_SETTINGS = "/security-settings"
"""The path of the security settings for accounts whose kind has no page of its own."""

_HOSTED = "{base_url}"
TOKEN_AT_END = "/{token}"
"""The end of a link with its token in the path."""


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Paths as the service knows them, without the path of `base_url`.

    A page that the settings place elsewhere keeps its default path here, or gets "" if the API uses
    that path.

    `token`, `email`: the names of the parameters of a link, in its query or behind its "#".
    `secure_account`: "" if no mail links to that page.
    `security_settings`: for accounts whose kind has no page of its own.
    `security_settings_by_kind`: a path or a URL, for each kind that has its own.
    """

    api: str = "/api/auth"
    forgot: str = "/forgot-password"
    reset: str = "/reset-password"
    token: str = "token"
    email: str = "email"
    sign_in: str = "/login"
    security_settings: str = SECURITY_SETTINGS
    security_settings_by_kind: Mapping[str, str] = {}
    secure_account: str = "/secure-your-account"


def paths_of(settings: Settings) -> Paths:
    """Return the paths that the settings name, and the default of each page that they leave out."""
    default = Paths()
    api = settings.server.api_path.rstrip("/")
    link = urlsplit(settings.reset_url.removeprefix(_HOSTED))
    parameters = [*parse_qsl(link.query), *parse_qsl(link.fragment)]
    name_by_place = {value: name for name, value in parameters}
    return msgspec.structs.replace(
        default,
        api=api or "/",
        forgot=_mounted(settings.forgot_url, default.forgot, api),
        reset=_mounted(settings.reset_url, default.reset, api),
        sign_in=_mounted(settings.sign_in_page, default.sign_in, api),
        # Only links in mails lead to this page. If they lead elsewhere, it is not mounted.
        secure_account=hosted_path(settings.secure_account.url) or "",
        token=name_by_place.get("{token}", default.token),
        email=name_by_place.get("{email}", default.email),
        security_settings_by_kind=_settings_of_kinds(settings),
    )


def _mounted(pattern: str, default: str, api: str) -> str:
    """Return the path of a hosted page; the default, or "", for a page elsewhere."""
    path = hosted_path(pattern)
    if path is not None:
        return path
    if default in api_paths(api):
        return ""
    return default


def api_paths(api: str) -> set[str]:
    """Return the paths of the API below `api`, which has no slash at its end."""
    return {f"{api}{route}" for route in ApiRoute}


def _settings_of_kinds(settings: Settings) -> Mapping[str, str]:
    base = settings.base_url.rstrip("/")
    own = {}
    for kind, of_kind in settings.kinds.items():
        url = of_kind.settings_url
        if url:
            own[kind] = hosted_path(url) or url.format(base_url=base)
    return own


class PageUrls:
    """Builds links, from the settings alone: never from a request's headers (CVE-2017-8295)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self.forgot = settings.forgot_url.format(base_url=self._base)
        self.sign_in = settings.sign_in_page.format(base_url=self._base)
        self.has_secure_account_page = bool(settings.secure_account.url)

    def secure_account_link(self, token: str) -> str:
        return self._settings.secure_account.url.format(base_url=self._base, token=token)

    def reset(self, token: str, email: str) -> str:
        quoted = quote(email, safe="")
        return self._settings.reset_url.format(base_url=self._base, token=token, email=quoted)


def without_secure_account_page(settings: Settings) -> Settings:
    """Return the settings with no page behind the button "Secure your account", if it is the
    default.

    For a plugin without hosted pages: the button would lead to a page that the app does not have.
    Of all pages, only this one may be left out. The app must name pages of its own for the others.
    """
    secure_account = settings.secure_account
    if secure_account.url != SecureAccountSettings().url:
        return settings
    without_page = msgspec.structs.replace(secure_account, url="")
    return msgspec.structs.replace(settings, secure_account=without_page)


LINKS: Mapping[str, Collection[str]] = {
    "reset_url": ("token", "email"),
    "secure_account.url": ("token",),
}
"""The settings of `page_urls` to which mails link with a token, and their placeholders besides
`{base_url}`.
"""


def page_urls(settings: Settings) -> dict[str, str]:
    """Return the URLs of pages, with their placeholders, by the names of their settings."""
    pages = {
        "reset_url": settings.reset_url,
        "forgot_url": settings.forgot_url,
        "sign_in_url": settings.sign_in_page,
    }
    if settings.secure_account.url:
        pages["secure_account.url"] = settings.secure_account.url
    for kind, own in settings.kinds.items():
        if own.settings_url:
            pages[f"{member_name('kinds', kind)}.settings_url"] = own.settings_url
    return pages


def hosted_path(pattern: str) -> str | None:
    """Return the path of a hosted page, such as "/reset-password" for
    "{base_url}/reset-password/{token}"; None for a page elsewhere.
    """
    if not pattern.startswith(_HOSTED):
        return None
    path = re.split(r"[?#]", pattern.removeprefix(_HOSTED))[0].removesuffix(TOKEN_AT_END)
    return path.rstrip("/") or "/"
