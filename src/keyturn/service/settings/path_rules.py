"""Rules for the paths of the API and the hosted pages."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from keyturn.errors import Fault
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import (
    LINKS,
    OPEN_LINK,
    SECURITY_SETTINGS,
    TOKEN_AT_END,
    FixedRoute,
    SessionRoute,
    api_paths,
    hosted_path,
    page_urls,
)

_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")
"""A path without "." and "..": browsers remove them, and request another path (RFC 3986, 5.2.4)."""


def hosting_faults(settings: Settings) -> Iterator[Fault]:
    """Yield faults of hosted pages whose path is not possible, or is used already."""
    api = settings.server.api_path.rstrip("/")
    paths_of_api = api_paths(api) | set(SessionRoute)
    page_by_path = {SECURITY_SETTINGS: "settings"}
    for name, url in page_urls(settings).items():
        path = hosted_path(url)
        if path is None:
            continue
        page = "settings" if name.startswith("kinds.") else name  # kinds may share a page
        if not _PATH.fullmatch(path):
            example = Settings().reset_url if name in LINKS else Settings().forgot_url
            yield Fault(name, f"needs a plain path for the hosted page, such as {example}")
        elif _is_fixed(path):
            yield Fault(name, f"{path} is used by another page: choose another path")
        elif path in paths_of_api:
            message = "is used by the API: choose another path, or another server.api_path"
            yield Fault(name, f"{path} {message}")
        elif page_by_path.setdefault(path, page) != page:
            yield Fault(name, f"{path} is also the path of {page_by_path[path]}: choose another")
        elif name == "reset_url":
            page_by_path[f"{path}{OPEN_LINK}"] = page
            yield from _hidden_token_faults(url)
        elif name == "secure_account.url" and not url.endswith(TOKEN_AT_END):
            yield Fault(name, "needs {token} at the end of the path")


def _hidden_token_faults(pattern: str) -> Iterator[Fault]:
    first = "?" if "?" in pattern else "#"
    path, _, parameters = pattern.partition(first)
    values = [value for _, value in parse_qsl(parameters.replace("#", "&"))]
    if not path.endswith(TOKEN_AT_END) and "{token}" not in values:
        message = (
            "needs {token} at the end of the path, or as the whole value of a parameter: "
            "?token={token}"
        )
        yield Fault("reset_url", message)


def api_path_faults(path: str) -> Iterator[Fault]:
    if path != "/" and not _PATH.fullmatch(path):
        yield Fault(
            "server.api_path", "must be a path such as /api/auth, without a slash at the end"
        )
    elif _is_fixed(path):
        yield Fault("server.api_path", f"{path} is used by another page: choose another path")


def _is_fixed(path: str) -> bool:
    """Tell whether a path is that of a fixed route, or below it."""
    first_part = path.split("/")[1]
    return f"/{first_part}" in set(FixedRoute)
