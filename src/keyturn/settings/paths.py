"""The paths at which the API and the hosted pages answer, as the settings say."""

from collections.abc import Mapping
from itertools import chain
from urllib.parse import parse_qsl, urlsplit

import msgspec

from keyturn.settings.hosting import API_ROUTES, SECURITY_SETTINGS, hosted_path
from keyturn.settings.model import Settings


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Paths as the service knows them, without that of `base_url`.

    A page whose address is elsewhere keeps its default path, for who comes there; it is "" where the API has that one.
    `token` and `email` are what a link calls them in its query, or behind its "#". `settings` has the kinds of accounts
    whose security settings are not at `security`: a path, or an address elsewhere.
    """

    api: str = "/api/auth"
    forgot: str = "/forgot-password"
    reset: str = "/reset-password"
    token: str = "token"  # noqa: S105 - a name
    email: str = "email"
    sign_in: str = "/login"
    security: str = SECURITY_SETTINGS
    settings: Mapping[str, str] = {}


def paths_of(settings: Settings) -> Paths:
    """Return the paths of settings that have no fault."""
    default, api = Paths(), settings.server.api_path.rstrip("/")
    routes = {f"{api}/{route}" for route in API_ROUTES}
    patterns = {"forgot": settings.forgot_url, "reset": settings.reset_url, "sign_in": settings.sign_in_page}
    pages = {name: hosted_path(pattern) for name, pattern in patterns.items()}
    for name, path in pages.items():
        if path is None:
            pages[name] = "" if getattr(default, name) in routes else getattr(default, name)
    base, own = settings.base_url.rstrip("/"), {kind: one.settings_url for kind, one in settings.kinds.items()}
    return msgspec.structs.replace(
        default,
        api=api or "/",
        **pages,
        **_names(settings.reset_url),
        settings={kind: hosted_path(url) or url.format(base_url=base) for kind, url in own.items() if url},
    )


def _names(pattern: str) -> dict[str, str]:
    """Return what the parameters of a link are called that hold its token and the address."""
    parts = urlsplit(pattern.removeprefix("{base_url}"))
    places = {"{token}": "token", "{email}": "email"}
    given = chain(parse_qsl(parts.query), parse_qsl(parts.fragment))
    return {places[value]: name for name, value in given if value in places}
