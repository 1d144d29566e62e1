"""Rules for `[apps]`, and for the origins to which a client may return."""

import re
from collections.abc import Iterator

from keyturn.errors import Fault
from keyturn.hosts import is_loopback, is_origin
from keyturn.settings import AppSettings, Settings
from keyturn.settings.building import member_name
from keyturn.settings.paths import hosted_path
from keyturn.settings.sentences import not_this

_APPLE = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_FINGERPRINT = re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}")
_STORE_ID = re.compile(r"[0-9]{5,15}")
_OPENS_APP = re.compile(r"(https://[a-z0-9.-]+(:[0-9]+)?/|[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/)[!-~]*")
"""An https address, or a scheme that is a reversed domain name (RFC 8252 7.1), so never `javascript:` or `data:`."""


def app_faults(settings: Settings) -> Iterator[Fault]:
    yield from _link_files(settings)
    yield from _offer(settings.apps)
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        if not is_origin(origin) or origin != origin.lower() or not (origin.startswith("https://") or is_local):
            yield Fault("return_origins", f"must be origins such as https://app.example.org{not_this(origin)}")


def _link_files(settings: Settings) -> Iterator[Fault]:
    apps = settings.apps
    here = settings.secure and hosted_path(settings.reset_url) is not None
    elsewhere = "needs an https base_url, and a reset_url that begins with {base_url}: that host must serve the file"
    if wrong := [app for app in apps.apple if not _APPLE.fullmatch(app)]:
        yield Fault("apps.apple", f"must be ids such as ABCDE12345.org.example.app{not_this(wrong[0])}")
    elif apps.apple and not here:
        yield Fault("apps.apple", elsewhere)
    for package, fingerprints in apps.android.items():
        name = member_name("apps.android", package)
        if not _PACKAGE.fullmatch(package):
            yield Fault(name, "its name must be a package such as org.example.app")
        elif not fingerprints or not all(map(_FINGERPRINT.fullmatch, fingerprints)):
            yield Fault(name, "must be SHA-256 fingerprints: 32 bytes such as 14:6D:E9, in capital letters")
        elif not here:
            yield Fault(name, elsewhere)


def _offer(apps: AppSettings) -> Iterator[Fault]:
    if apps.open_url and (apps.open_url.count("{token}") != 1 or not _OPENS_APP.fullmatch(apps.open_url)):
        wanted = "https://open.example.org/reset/{token} or org.example.app:/reset/{token}"
        yield Fault("apps.open_url", f"must be an address such as {wanted}{not_this(apps.open_url)}")
    if apps.apple_store_id and not _STORE_ID.fullmatch(apps.apple_store_id):
        yield Fault("apps.apple_store_id", f"must be the app's number{not_this(apps.apple_store_id)}")
    if apps.apple_store_id and not apps.open_url:
        yield Fault("apps.open_url", "missing: apps.apple_store_id is set")
