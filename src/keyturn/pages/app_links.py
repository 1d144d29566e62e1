"""Hands links over to mobile apps: the files by which systems recognise an app's links, and the page's own offer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from keyturn.api.mounting import reading
from keyturn.settings import AppSettings, Settings
from keyturn.settings.paths import paths_of

_ON_A_PHONE = re.compile(r"\b(Android|iPhone|iPad|Mobile)\b")
_FOR_AN_HOUR = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}


class OfferedApp(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of a link offers: a link that opens the app, and the content of Safari's banner; "" without one."""

    link: str
    banner: str


def offered_app(apps: AppSettings, token: str, user_agent: str) -> OfferedApp | None:
    """Return the offer of the page that has the token; None on other devices than phones and tablets."""
    if not apps.open_url or not _ON_A_PHONE.search(user_agent):
        return None
    link = apps.open_url.replace("{token}", token)
    banner = f"app-id={apps.apple_store_id}, app-argument={link}" if apps.apple_store_id else ""
    return OfferedApp(link=link, banner=banner)


def app_link_files(settings: Settings) -> Iterator[HTTPRouteHandler]:
    """Yield the routes of the two files, each if the settings name an app. They answer 200 without a redirect."""
    apps = settings.apps
    if apps.apple:
        details = [{"appIDs": list(apps.apple), "components": [_component(settings)]}]
        yield _file("apple-app-site-association", {"applinks": {"details": details}})
    if apps.android:
        target = {"namespace": "android_app"}
        relation = ["delegate_permission/common.handle_all_urls"]
        statements = [
            {
                "relation": relation,
                "target": target | {"package_name": package, "sha256_cert_fingerprints": list(fingerprints)},
            }
            for package, fingerprints in apps.android.items()
        ]
        yield _file("assetlinks.json", statements)


def _component(settings: Settings) -> Mapping[str, Any]:
    """Return the addresses of links, as Apple's "Supporting associated domains" writes them."""
    paths = paths_of(settings)
    path = urlsplit(settings.base_url).path.rstrip("/") + paths.reset
    before, _, after = settings.reset_url.partition("#")
    if "{token}" in after:
        return {"/": path, "#": f"*{paths.token}=?*"}
    return {"/": path, "?": {paths.token: "?*"}} if "?" in before else {"/": f"{path}/*"}


def _file(name: str, content: Any) -> HTTPRouteHandler:
    body = msgspec.json.encode(content)

    @reading(f"/.well-known/{name}", include_in_schema=False)
    async def serve() -> Response[bytes]:
        return Response(body, media_type="application/json", headers=_FOR_AN_HOUR)

    return serve
