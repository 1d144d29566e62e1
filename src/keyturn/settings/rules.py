"""What must hold between settings that are each fine alone."""

import base64
import ipaddress
import string
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from limits import parse_many

from keyturn import addresses
from keyturn.errors import Fault, InputInvalid
from keyturn.settings.model import Settings

SHORTEST_SECRET = 32
"""Characters; random hex of that length holds the 128 bits that NIST SP 800-131A asks of a key."""

WEBHOOK_PREFIX = "whsec_"
SHORTEST_WEBHOOK_KEY = 24
"""Bytes (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)."""

_SHORTEST_LIFE = timedelta(minutes=1)


def broken_rules(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    """Yield every rule that the settings break; what only a process needs that sends mails, where it does."""
    yield from _urls(settings)
    if sending:
        yield from _secrets(settings)
        yield from _transport(settings)
    yield from _webhook(settings)
    yield from _addresses(settings)
    yield from _limits(settings)
    yield from _server(settings)
    yield from _worker(settings)
    if settings.metrics.token and len(settings.metrics.token) < SHORTEST_SECRET:
        yield Fault("metrics.token", f"shorter than {SHORTEST_SECRET} characters")
    if settings.token.ttl < _SHORTEST_LIFE:
        yield Fault("token.ttl", "shorter than a minute: nobody could use such a link")
    try:
        ZoneInfo(settings.timezone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        yield Fault("timezone", f"no such time zone: {settings.timezone}")
    if settings.locales:
        yield from _catalogues(Path(settings.locales))


def is_loopback(url: str) -> bool:
    host = _host(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # an IPv6 address without its closing bracket
        return ""


def _urls(settings: Settings) -> Iterator[Fault]:
    base = settings.base_url
    if not base.startswith(("https://", "http://")) or not _host(base) or "?" in base or "#" in base:
        yield Fault("base_url", "not an address like https://account.example.org")
    for name, needed, allowed in (
        ("reset_url", {"token"}, {"base_url", "token", "email"}),
        ("forgot_url", set[str](), {"base_url"}),
        ("sign_in_url", set[str](), {"base_url"}),
    ):
        yield from _pattern(name, getattr(settings, name), needed, allowed)
    for name in ("base_url", "reset_url", "forgot_url", "sign_in_url"):
        url = getattr(settings, name)
        if settings.environment == "production" and url.startswith("http://") and _host(url) and not is_loopback(url):
            yield Fault(name, "must be https in production: over http anybody on the way can read the link")


def _pattern(name: str, pattern: str, needed: set[str], allowed: set[str]) -> Iterator[Fault]:
    try:
        fields = [field for field in string.Formatter().parse(pattern) if field[1] is not None]
    except ValueError:
        yield Fault(name, "has an unbalanced brace")
        return
    places = {place for _, place, _, _ in fields if place is not None}
    if any(form or conversion for _, _, form, conversion in fields):
        yield Fault(name, "has a place with a format: write its name alone in the braces")
    for missing in sorted(needed - places):
        yield Fault(name, f"needs the place {{{missing}}}")
    for unknown in sorted(places - allowed):
        yield Fault(name, f"has an unknown place {{{unknown}}}; there are {', '.join(sorted(allowed))}")
    if not pattern.startswith(("{base_url}", "https://", "http://")):
        yield Fault(name, "must begin with {base_url} or https://")


def _secrets(settings: Settings) -> Iterator[Fault]:
    if not settings.secret_key:
        if settings.environment == "production":
            yield Fault("KEYTURN_SECRET_KEY", f"missing: set it to {SHORTEST_SECRET} or more random characters")
    elif len(settings.secret_key) < SHORTEST_SECRET:
        yield Fault("KEYTURN_SECRET_KEY", f"shorter than {SHORTEST_SECRET} characters")


def _transport(settings: Settings) -> Iterator[Fault]:
    chosen = {settings.mail.transport: "mail.transport"} | {settings.mail.fallback: "mail.fallback"}
    if "resend" in chosen and not settings.resend.api_key:
        yield Fault("RESEND_API_KEY", f"missing: {chosen['resend']} is resend")
    if "smtp" in chosen and not settings.smtp.host:
        yield Fault("smtp.host", f"missing: {chosen['smtp']} is smtp")
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "is the transport itself")
    if not settings.mail.from_ and settings.mail.transport != "capture":
        yield Fault("mail.from", "missing: the address that mails come from")


def _webhook(settings: Settings) -> Iterator[Fault]:
    prefix, secret = WEBHOOK_PREFIX, settings.resend.webhook_secret
    if not secret:
        return
    try:
        key = base64.b64decode(secret.removeprefix(prefix), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(prefix) or len(key) < SHORTEST_WEBHOOK_KEY:
        yield Fault("resend.webhook_secret", f"not a signing secret of Resend's: they are {prefix} and base64")


def _addresses(settings: Settings) -> Iterator[Fault]:
    for name, value in (
        ("mail.from", settings.mail.from_),
        ("mail.reply_to", settings.mail.reply_to),
    ):
        if value:
            yield from _address(name, parseaddr(value)[1], value)
    if support := settings.brand.support_address:
        yield from _address("brand.support_address", support, support)
    logo = settings.brand.logo_url
    if logo and not logo.startswith("https://") and not (logo.startswith("http://") and is_loopback(logo)):
        yield Fault("brand.logo_url", "must begin with https://: mail programs fetch nothing else")


def _address(name: str, bare: str, written: str) -> Iterator[Fault]:
    try:
        addresses.parse(bare)
    except InputInvalid:
        yield Fault(name, f"not an email address: {written}")


def _limits(settings: Settings) -> Iterator[Fault]:
    for name in ("request", "validate", "reset", "login", "account"):
        try:
            (_,) = parse_many(getattr(settings.limits, name))
        except ValueError:
            yield Fault(f"limits.{name}", "not a rate: write one, as in 3/minute or 10/15 minutes")
    if not settings.limits.storage_url.startswith(("memory://", "redis://", "rediss://", "redis+unix://")):
        yield Fault("limits.storage_url", "must begin with memory:// or redis://")


def _server(settings: Settings) -> Iterator[Fault]:
    for origin in settings.server.allowed_origins:
        parts = urlsplit(origin)
        if not parts.scheme or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin.lower():
            yield Fault("server.allowed_origins", f"not an origin like https://app.example.org: {origin}")
    for network in settings.server.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield Fault("server.trusted_proxies", f"not an address or network: {network}")
    if not settings.database.url.startswith(("sqlite", "postgresql", "postgres")):
        yield Fault("database.url", "must begin with sqlite:// or postgresql://")


def _catalogues(folder: Path) -> Iterator[Fault]:
    """Yield what would else be found out by the first person who is written to in that language."""
    from keyturn.languages import Catalogues, faults_of  # noqa: PLC0415 - only who has catalogues pays for reading them

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault("locales", f"no catalogue in {folder}: they are looked for as nl/LC_MESSAGES/keyturn.po")
    for fault in faults_of(catalogues):
        if fault.kind != "fuzzy":
            yield Fault("locales", str(fault))


def _worker(settings: Settings) -> Iterator[Fault]:
    if settings.worker.lease <= max(settings.resend.timeout, settings.smtp.timeout):
        yield Fault("worker.lease", "must be longer than resend.timeout and smtp.timeout")
    if not settings.worker.poll:
        yield Fault("worker.poll", "must be longer than nothing")
