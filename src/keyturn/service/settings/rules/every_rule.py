"""Rules between settings that are valid individually."""

import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from keyturn.errors import Fault
from keyturn.hosts import is_host, is_loopback, is_serialized_origin
from keyturn.mail.port.provider import Provider
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import LONGEST_TRY, RATES, HashingSettings, Settings
from keyturn.service.settings.brand_files import brand_faults, email_faults
from keyturn.service.settings.building import member_name, parse_rate
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.paths import api_path_faults, hosting_faults
from keyturn.service.settings.rules.accounts import (
    account_faults,
    challenge_faults,
    safeguard_faults,
    second_step_faults,
)
from keyturn.service.settings.url_rules import (
    database_fault,
    database_kind,
    page_faults,
    service_faults,
)
from keyturn.values import not_this, shown

# The outgoing webhook


def webhook_faults(settings: Settings) -> Iterator[Fault]:
    hooks = settings.webhooks
    yield from _secret("webhooks.secret", hooks.secret)
    yield from _secret("webhooks.previous_secret", hooks.previous_secret)
    if hooks.url:
        production = settings.environment == "production"
        faults = list(service_faults("webhooks.url", hooks.url, production=production))
        yield from faults
        if not faults and "@" in urlsplit(hooks.url).netloc:
            yield Fault(
                "webhooks.url", "must not contain a user or a password: the signature proves that the call is Keyturn's"
            )
        if not hooks.secret:
            yield Fault("webhooks.secret", "missing: webhooks.url is set")
    elif hooks.secret:
        yield Fault("webhooks.url", "missing: webhooks.secret is set")
    if hooks.previous_secret and not hooks.secret:
        yield Fault(
            "webhooks.previous_secret", "is set, but webhooks.secret is not: set webhooks.secret to the current secret"
        )


def _secret(name: str, secret: str) -> Iterator[Fault]:
    if secret:
        try:
            webhook_key(secret)
        except ValueError:
            yield Fault(name, f"must be a signing secret: {FORM}")


SHORTEST_SECRET = 32
"""Characters; random hex of that length holds the 128 bits that NIST SP 800-131A asks of a key."""

_MOST_A_RATE = 100_000
"""Requests: the time of each is stored until it expires."""

_SHORTEST_LIFE = timedelta(minutes=1)
_LONGEST_INVITATION = timedelta(days=30)
"""Until then, a reader of the mailbox may choose the password (OWASP ASVS 6.4.1: a short time)."""

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
"""Names that PostgreSQL keeps unchanged without quotes (its manual, 4.1.1)."""


def broken_rules(settings: Settings, *, sending: bool, written: Collection[str] = ()) -> Iterator[Fault]:
    """Yield every rule that the settings break; what only a process needs that sends mails, where it does.

    `written` are the sections and keys that somebody set, as opposed to defaults.
    """
    unread = list(page_faults(settings))
    yield from unread or hosting_faults(settings)
    if sending:
        yield from _secrets(settings)
        yield from provider_faults(settings)
    yield from report_faults(settings)
    yield from webhook_faults(settings)
    yield from account_faults(settings, sending=sending, written=written)
    yield from safeguard_faults(settings)
    yield from _return_origins(settings)
    yield from _addresses(settings)
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)
    yield from _breaches(settings)
    yield from challenge_faults(settings.challenge)
    yield from second_step_faults(settings, sending=sending, written=written)
    yield from _limits(settings)
    yield from _server(settings)
    yield from _database(settings, written)
    yield from _worker(settings)
    yield from _hashing(settings)
    yield from _token_and_time(settings)
    yield from _folders(settings)


def _return_origins(settings: Settings) -> Iterator[Fault]:
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        if not is_serialized_origin(origin) or not (origin.startswith("https://") or is_local):
            yield Fault("return_origins", f"must be origins such as https://app.example.org{not_this(origin)}")


def _secrets(settings: Settings) -> Iterator[Fault]:
    if not settings.secret_key:
        if settings.token.code:
            yield Fault("KEYTURN_SECRET_KEY", "missing: token.code is on, and codes need it")
        elif settings.environment == "production":
            yield Fault("KEYTURN_SECRET_KEY", f"missing: set it to {SHORTEST_SECRET} or more random characters")
    elif len(settings.secret_key) < SHORTEST_SECRET:
        yield Fault("KEYTURN_SECRET_KEY", f"shorter than {SHORTEST_SECRET} characters")


def _addresses(settings: Settings) -> Iterator[Fault]:
    for name, value in (
        ("mail.from", settings.mail.from_),
        ("mail.reply_to", settings.mail.reply_to),
    ):
        if value:
            yield from email_faults(name, parseaddr(value)[1], value)


def _breaches(settings: Settings) -> Iterator[Fault]:
    url = settings.password.breaches_url
    if url and not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
        yield Fault("password.breaches", f"must be hibp, or begin with https://{not_this(url)}")


def _limits(settings: Settings) -> Iterator[Fault]:
    for name in RATES:
        try:
            rate = parse_rate(getattr(settings.limits, name))
        except ValueError:
            text = shown(getattr(settings.limits, name))
            yield Fault(f"limits.{name}", f"must be a rate, as in 3/minute or 10/15 minutes, not {text}")
        else:
            if rate.amount > _MOST_A_RATE:
                yield Fault(f"limits.{name}", f"must be a rate of 1 to {_MOST_A_RATE} requests")


def _server(settings: Settings) -> Iterator[Fault]:
    if not settings.server.host:
        yield Fault("server.host", "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well")
    for origin in settings.server.allowed_origins:
        if not is_serialized_origin(origin):
            yield Fault("server.allowed_origins", f"must be an origin such as https://app.example.org, not {origin}")
    for host in settings.server.allowed_hosts:
        if not is_host(host):
            yield Fault(
                "server.allowed_hosts", f"must be a host name such as account.example.org, without a port, not {host}"
            )
    for network in settings.server.trusted_proxies:
        try:
            read_network(network)
        except ValueError:
            yield Fault("server.trusted_proxies", f"must be an IP address or network, not {network}")
    yield from api_path_faults(settings.server.api_path)


def _database(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    url, schema = settings.database.url, settings.database.schema
    if message := database_fault(url, for_our_tables=True):
        yield Fault("database.url", message)
    elif schema and database_kind(url) == "sqlite" and "database.url" in written:  # otherwise an app may share its own
        yield Fault("database.schema", "is set, but only PostgreSQL has schemas: remove it")
    if settings.database.timeout <= timedelta(0):
        yield Fault("database.timeout", "must be more than 0 s")
    if schema and not _SCHEMA.fullmatch(schema):
        yield Fault("database.schema", "must be a plain name of lower-case letters, digits and _, such as keyturn")


def _hashing(settings: Settings) -> Iterator[Fault]:
    chosen, default = settings.hashing.format, HashingSettings()
    for name, meant in (("cost", {"bcrypt", "php"}), ("prefix", {"bcrypt"}), ("iterations", {"django-pbkdf2"})):
        if chosen not in meant and getattr(settings.hashing, name) != getattr(default, name):
            yield Fault(f"hashing.{name}", f"has no effect with hashing.format {chosen}: remove it")


def _token_and_time(settings: Settings) -> Iterator[Fault]:
    if settings.metrics.token and len(settings.metrics.token) < SHORTEST_SECRET:
        yield Fault("metrics.token", f"shorter than {SHORTEST_SECRET} characters")
    if settings.token.ttl < _SHORTEST_LIFE:
        yield Fault("token.ttl", "must be at least a minute, so that users have time to open the link")
    if not _SHORTEST_LIFE <= settings.invitations.ttl <= _LONGEST_INVITATION:
        yield Fault("invitations.ttl", f"must be from a minute to {_LONGEST_INVITATION.days} days")
    keys = settings.invitations
    for name in ("service_key", "link_key"):
        if 0 < len(getattr(keys, name)) < SHORTEST_SECRET:
            yield Fault(f"invitations.{name}", f"shorter than {SHORTEST_SECRET} characters")
    if keys.link_key and keys.link_key == keys.service_key:
        yield Fault(
            "invitations.link_key", "is also invitations.service_key: a link is a stronger right, choose another"
        )
    try:
        ZoneInfo(settings.timezone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        yield Fault("timezone", f"no such time zone: {settings.timezone}")


def _folders(settings: Settings) -> Iterator[Fault]:
    for name, templates in (("mail.templates", settings.mail.templates), ("pages.templates", settings.pages.templates)):
        if templates and not Path(templates).is_dir():
            yield Fault(
                name,
                f"is a file, not a folder: {templates}" if Path(templates).exists() else f"no such folder: {templates}",
            )
    if settings.locales:
        yield from _catalogues("locales", Path(settings.locales))
    if settings.languages:
        yield from _languages(settings)
    for kind, own in settings.kinds.items():
        if own.locales:
            yield from _catalogues(f"{member_name('kinds', kind)}.locales", Path(own.locales))


def _languages(settings: Settings) -> Iterator[Fault]:
    from keyturn.mail.languages import PACKAGED, SOURCE_LANGUAGE, Catalogues, parse_locale

    catalogues = Catalogues((PACKAGED, *([Path(settings.locales)] if settings.locales else [])))
    for tag in settings.languages:
        if not (locale := parse_locale(tag)):
            yield Fault("languages", f"no such language: {tag}")
        elif locale.language != SOURCE_LANGUAGE and not catalogues.files(locale):
            yield Fault("languages", f"no catalogue for {tag}: put one into `locales`")


def _catalogues(name: str, folder: Path) -> Iterator[Fault]:
    """Yield faults that would otherwise first appear in a mail in that language."""
    from keyturn.mail.languages import Catalogues, catalogue_faults

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault(name, f"no catalogue in {folder}: Keyturn looks for files such as ro/LC_MESSAGES/keyturn.po")
    for fault in catalogue_faults(catalogues):
        if fault.kind != "fuzzy":
            yield Fault(name, str(fault))


def _worker(settings: Settings) -> Iterator[Fault]:
    timeouts = {"mail.timeout": settings.mail.timeout, "webhooks.timeout": settings.webhooks.timeout}
    for name, timeout in timeouts.items():
        if timeout >= LONGEST_TRY:
            yield Fault(name, f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take")


# Rules for the mail providers


_TRIAL = "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"


def provider_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what keeps a process that sends mails from it."""
    chosen = {settings.mail.transport: "mail.transport"} | {settings.mail.fallback: "mail.fallback"}
    for name, chosen_by in chosen.items():
        for known_as in missing_settings(name, settings):
            without = _TRIAL if chosen_by == "mail.transport" else ""
            yield Fault(known_as, f"missing: {chosen_by} is {name}{without}")
        if name in PROVIDERS:
            yield from _value_faults(PROVIDERS[name], settings)
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "must be another provider than mail.transport")
    if not settings.mail.from_ and settings.mail.transport != "capture":
        yield Fault("mail.from", "missing: set the sender of the mails")


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    """Yield what the provider needs and is not set, as people know it."""
    for need in PROVIDERS[name].needs if name in PROVIDERS else ():
        if need.required and not getattr(getattr(settings, name), need.setting):
            yield need.name


def _value_faults(provider: Provider[Any], settings: Settings) -> Iterator[Fault]:
    """Yield invalid values of a chosen provider. Others are not checked: AWS's variables serve other programs, too."""
    section = getattr(settings, provider.name)
    if url := getattr(section, "api_url", ""):
        production = settings.environment == "production"
        yield from service_faults(f"{provider.name}.api_url", url, production=production)
    for setting, message in provider.faults(section):
        yield Fault(f"{provider.name}.{setting}", message)


def report_faults(settings: Settings) -> Iterator[Fault]:
    for name, provider in PROVIDERS.items():
        if not (reports := provider.reports):
            continue
        try:
            _ = reports.proof(proof) if (proof := proof_of(settings, provider)) else None
        except ValueError:
            yield Fault(f"{name}.{reports.setting}", reports.fault)


def proof_of(settings: Settings, provider: Provider[Any]) -> str:
    """Return what proves a provider's reports; "" where it is not set."""
    return provider.proof(getattr(settings, provider.name))
