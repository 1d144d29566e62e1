"""Rules for settings: the bounds of single settings, and what settings need of each other.

Each section has a function that yields the faults of its settings, in the order of the file.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from keyturn.errors import Fault
from keyturn.hosts import host_of, is_loopback, is_serialized_origin
from keyturn.http_client import authority_file_faults, authority_folder_faults, proxy_faults
from keyturn.mail.addresses import parse_sender
from keyturn.mail.port.http_provider import HttpProvider
from keyturn.mail.port.provider import Provider
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import (
    BCRYPT_PREFIXES,
    LONGEST_TRY,
    RATES,
    Ending,
    HashingSettings,
    LdapSettings,
    Settings,
    SupabaseSettings,
    TableSettings,
    is_plain_ldap,
    split_secrets,
)
from keyturn.service.settings.brand_files import brand_faults
from keyturn.service.settings.building import holds, member_name, parse_rate
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.paths import api_path_faults, hosting_faults
from keyturn.service.settings.url_rules import (
    ENDS_A_SOURCE,
    database_fault,
    page_faults,
    service_faults,
)
from keyturn.values import did_you_mean, not_this, shown

_SHORTEST_SECRET = 32
"""Characters of a secret. Random hexadecimal digits then have 128 bits, as NIST SP 800-131A asks of
a key.
"""

_MOST_A_RATE = 100_000  # requests of a rate: a higher number is likely to be a mistake

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

_PHONE = re.compile(r"(\+[1-9][0-9]{6,14})?")  # E.164, or none

_ENCRYPTED = ("fernet", "laravel")
"""Formats of TOTP secrets that need a key."""

_WITH_SECRETS = ("accounts.supabase.url", "second_step.sms.api_url", "webhooks.url")


def broken_rules(
    settings: Settings, *, sending: bool, written: Collection[str] = ()
) -> Iterator[Fault]:
    """Yield every broken rule.

    `sending`: whether the process sends mails, and so needs the secrets for that.
    `written`: the sections and keys that the file or the environment has.
    """
    of_pages = list(page_faults(settings))
    yield from of_pages
    if not of_pages:
        yield from hosting_faults(settings)
    if sending:
        yield from _secret_key(settings)
        yield from _providers(settings)
    yield from _reports(settings)
    yield from broken_pairs(settings, sending=sending)
    for name in _WITH_SECRETS:
        yield from service_faults(name, value_of(settings, name), settings)
    yield from _accounts(settings, written)
    yield from _second_step(settings)
    yield from _return_origins(settings)
    yield from _sender(settings.mail.from_)
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)
    yield from broken_bounds(settings)
    yield from api_path_faults(settings.server.api_path)
    message = database_fault(settings.database.url, for_our_tables=True)
    if message:
        yield Fault("database.url", message)
    yield from _folders(settings)


def _return_origins(settings: Settings) -> Iterator[Fault]:
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        is_safe = origin.startswith("https://") or is_local
        if not is_serialized_origin(origin) or not is_safe:
            message = f"must be origins such as https://app.example.org{not_this(origin)}"
            yield Fault("return_origins", message)


def _sender(sender: str) -> Iterator[Fault]:
    if not sender:
        return
    try:
        parse_sender(sender)
    except ValueError as error:
        yield Fault("mail.from", str(error))


def value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for key in name.split("."):
        value = getattr(value, "from_" if key == "from" else key)
    return value


# Bounds of single settings


def broken_bounds(settings: Settings) -> Iterator[Fault]:
    """Yield the faults of settings that are out of bounds which a type cannot state."""
    yield from _rates(settings)
    yield from _keys(settings)
    yield from _times(settings)
    yield from _server(settings)
    yield from _services(settings)
    yield from _webhooks(settings)


def _rates(settings: Settings) -> Iterator[Fault]:
    for name in RATES:
        rate = getattr(settings.limits, name)
        if not holds(_is_rate, rate):
            message = (
                f"must be a rate, as in 3/minute or 10/15 minutes, of 1 to {_MOST_A_RATE} "
                f"requests, not {shown(rate)}"
            )
            yield Fault(f"limits.{name}", message)


def _is_rate(text: str) -> bool:
    return parse_rate(text).amount <= _MOST_A_RATE


def _keys(settings: Settings) -> Iterator[Fault]:
    keys = {
        "metrics.token": settings.metrics.token,
        "invitations.service_key": settings.invitations.service_key,
        "invitations.link_key": settings.invitations.link_key,
    }
    for name, key in keys.items():
        if key and len(key) < _SHORTEST_SECRET:
            yield Fault(name, f"shorter than {_SHORTEST_SECRET} characters")


def _times(settings: Settings) -> Iterator[Fault]:
    if settings.token.ttl < timedelta(minutes=1):
        message = "must be at least a minute, so that users have time to open the link"
        yield Fault("token.ttl", message)
    if settings.database.timeout <= timedelta(0):
        yield Fault("database.timeout", "must be more than 0 s")
    if settings.worker.timeout >= LONGEST_TRY:
        message = f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take"
        yield Fault("worker.timeout", message)


def _server(settings: Settings) -> Iterator[Fault]:
    server = settings.server
    if not server.host:
        message = "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well"
        yield Fault("server.host", message)
    for origin in server.allowed_origins:
        if not is_serialized_origin(origin):
            message = f"must be an origin such as https://app.example.org, not {origin}"
            yield Fault("server.allowed_origins", message)
    for network in server.trusted_proxies:
        if not holds(read_network, network):
            message = f"must be an IP address or network, not {network}"
            yield Fault("server.trusted_proxies", message)


def _services(settings: Settings) -> Iterator[Fault]:
    challenge_url = settings.challenge.url
    if challenge_url and not _may_load(challenge_url):
        message = "must begin with https://, without a space, a semicolon or a comma"
        yield Fault("challenge.url", f"{message}, not {shown(challenge_url)}")
    breaches = settings.password.breaches
    if breaches not in {"", "hibp"} and not _is_private(breaches):
        message = f"must be hibp, or begin with https://, not {shown(breaches)}"
        yield Fault("password.breaches", message)
    if not _PHONE.fullmatch(settings.second_step.sms.from_):
        yield Fault("second_step.sms.from", "must be a number such as +14155552671")
    if not holds(ZoneInfo, settings.timezone):
        yield Fault("timezone", f"no such time zone: {settings.timezone}")


def _may_load(url: str) -> bool:
    """Tell whether a page's policy can name a script's URL. Over http, others could change it."""
    has_safe_origin = url.startswith("https://") or is_loopback(url)
    return has_safe_origin and not ENDS_A_SOURCE.search(url)


def _is_private(url: str) -> bool:
    """Tell whether nobody on the network can read what is sent to the URL."""
    if url.startswith("http://"):
        return is_loopback(url)
    return url.startswith("https://")


def _webhooks(settings: Settings) -> Iterator[Fault]:
    webhooks = settings.webhooks
    host = webhooks.url.partition("://")[2].partition("/")[0]
    if "@" in host:
        message = "must not contain a user or a password: the signature proves that the call is"
        yield Fault("webhooks.url", f"{message} Keyturn's")
    if not all(holds(webhook_key, secret) for secret in split_secrets(webhooks.secret)):
        yield Fault("webhooks.secret", f"must be a signing secret: {FORM}")


# What settings need of each other


def broken_pairs(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    """Yield the faults of settings that others need, or exclude.

    `sending`: whether the process sends mails.
    """
    if sending and settings.mail.transport in PROVIDERS and not settings.mail.from_:
        yield _missing("mail.from", "set the sender of the mails")
    yield from _needs_of_store(settings, sending=sending)
    yield from _needs_of_lock(settings)
    yield from _needs_of_challenge(settings)
    yield from _needs_of_second_step(settings, sending=sending)
    if settings.webhooks.url and not settings.webhooks.secret:
        yield _missing("webhooks.secret", "webhooks.url is set")
    if settings.webhooks.secret and not settings.webhooks.url:
        yield _missing("webhooks.url", "webhooks.secret is set")
    yield from _without_effect(settings)
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "must be another provider than mail.transport")
    invitations = settings.invitations
    if invitations.link_key and invitations.link_key == invitations.service_key:
        message = "is also invitations.service_key: a link is a stronger right, choose another"
        yield Fault("invitations.link_key", message)


def _missing(name: str, why: str) -> Fault:
    return Fault(name, f"missing: {why}")


def _needs_of_store(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    store = settings.accounts.store
    table = settings.accounts.table
    if store == "table" and not table.table:
        yield _missing("accounts.table.table", "accounts.store is table")
    if store in {"table", "supabase"}:
        if not table.id:
            yield _missing("accounts.table.id", "the name of a column")
        if not table.email:
            yield _missing("accounts.table.email", "the name of a column")
    if store == "table" and not table.password:
        message = "only the store supabase works without this column"
        yield _missing("accounts.table.password", message)
    if store == "ldap":
        yield from _needs_of_ldap(settings.accounts.ldap, sending=sending)
    if store == "supabase":
        yield from _needs_of_supabase(settings.accounts.supabase, sending=sending)


def _needs_of_ldap(ldap: LdapSettings, *, sending: bool) -> Iterator[Fault]:
    if not ldap.bind_dn:
        yield _missing("accounts.ldap.bind_dn", "the name of the service account")
    if not ldap.base:
        yield _missing("accounts.ldap.base", "the entry above the accounts")
    if sending and not ldap.bind_password:
        yield _missing("accounts.ldap.bind_password", "the password of the service account")


def _needs_of_supabase(supabase: SupabaseSettings, *, sending: bool) -> Iterator[Fault]:
    # People know these settings by Supabase's own variables.
    if not supabase.url:
        yield _missing("SUPABASE_URL", "accounts.store is supabase")
    if sending and not supabase.service_role_key:
        yield _missing("SUPABASE_SERVICE_ROLE_KEY", "accounts.store is supabase")


def _needs_of_lock(settings: Settings) -> Iterator[Fault]:
    locks = settings.secure_account.lock
    table = settings.accounts.table
    if locks and not settings.secure_account.url:
        yield _missing("secure_account.url", "without its button in mails, no account gets locked")
    if locks and settings.accounts.store == "table" and not table.lock:
        yield _missing("accounts.table.lock", "secure_account.lock is set")
    if table.lock and not table.unlock:
        yield _missing("accounts.table.unlock", "accounts.table.lock is set")
    if table.unlock and not table.lock:
        yield _missing("accounts.table.lock", "accounts.table.unlock is set")


def _needs_of_challenge(settings: Settings) -> Iterator[Fault]:
    challenge = settings.challenge
    if challenge.method in {"turnstile", "hcaptcha"}:
        if not challenge.site_key:
            yield _missing("challenge.site_key", f"challenge.method is {challenge.method}")
        if not challenge.secret:
            yield _missing("challenge.secret", f"challenge.method is {challenge.method}")


def _needs_of_second_step(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    step = settings.second_step
    if step.source == "table" and not settings.accounts.table.table:
        yield _missing("accounts.table.table", "second_step.source is table")
    if step.table.phone and not step.sms.account:
        yield _missing("second_step.sms.account", "second_step.table.phone is set")
    if step.table.table and not step.table.account:
        yield _missing("second_step.table.account", "set the column with the account's id")
    if step.table.format in _ENCRYPTED and not step.table.key:
        yield _missing("second_step.table.key", f"second_step.table.format is {step.table.format}")
    if step.sms.account and not step.sms.from_:
        yield _missing("second_step.sms.from", "a number such as +14155552671")
    if sending and step.sms.account and not step.sms.password:
        yield _missing("second_step.sms.password", "Twilio's Auth Token")


def _without_effect(settings: Settings) -> Iterator[Fault]:
    challenge = settings.challenge
    # A method that is off may keep its keys.
    if challenge.method not in {"none", "turnstile", "hcaptcha"}:
        because = f"challenge.method {challenge.method}"
        if challenge.site_key:
            yield _has_no_effect("challenge.site_key", because)
        if challenge.secret:
            yield _has_no_effect("challenge.secret", because)
    hashing = settings.hashing
    if hashing.format not in BCRYPT_PREFIXES and hashing.cost != HashingSettings().cost:
        yield _has_no_effect("hashing.cost", f"hashing.format {hashing.format}")
    step = settings.second_step
    if step.source not in {"builtin", "table"} and step.sms.account:
        yield _has_no_effect("second_step.sms.account", f"second_step.source {step.source}")
    if step.table.format not in _ENCRYPTED and step.table.key:
        because = f"second_step.table.format {step.table.format}"
        yield _has_no_effect("second_step.table.key", because)


def _has_no_effect(name: str, because: str) -> Fault:
    return Fault(name, f"has no effect with {because}: remove it")


def _secret_key(settings: Settings) -> Iterator[Fault]:
    name = "KEYTURN_SECRET_KEY"
    key = settings.secret_key
    if key and len(key) < _SHORTEST_SECRET:
        yield Fault(name, f"shorter than {_SHORTEST_SECRET} characters")
    elif not key and settings.token.code:
        yield Fault(name, "missing: token.code is on, and codes need it")
    elif not key and settings.environment == "production":
        yield Fault(name, f"missing: set it to {_SHORTEST_SECRET} or more random characters")


_TRIAL = (
    "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"
)


def _providers(settings: Settings) -> Iterator[Fault]:
    """Yield the missing and invalid settings of the chosen providers.

    Other providers are not checked: AWS's variables, for example, may be set for other programs.
    """
    mail = settings.mail
    if mail.transport != mail.fallback:
        for known_as in missing_settings(mail.transport, settings):
            yield _missing(known_as, f"mail.transport is {mail.transport}{_TRIAL}")
        yield from _provider(mail.transport, settings)
    for known_as in missing_settings(mail.fallback, settings):
        yield _missing(known_as, f"mail.fallback is {mail.fallback}")
    yield from _provider(mail.fallback, settings)


def _provider(name: str, settings: Settings) -> Iterator[Fault]:
    if name not in PROVIDERS:
        return
    provider: Provider = getattr(settings, name)
    yield from service_faults(f"{name}.api_url", getattr(provider, "api_url", ""), settings)
    for setting, message in provider.faults():
        yield Fault(f"{name}.{setting}", message)


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    """Yield the settings that a provider needs and does not have, as people know them."""
    if name not in PROVIDERS:
        return
    provider = getattr(settings, name)
    for setting in PROVIDERS[name].needs:
        if not getattr(provider, setting):
            yield PROVIDERS[name].known_as(setting)


def environment_faults(settings: Settings, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield faults in the environment variables that libraries read.

    Those of proxies and of certificate authorities count only if the settings lead to calls.
    """
    counts = environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    is_usable = Path(counts).is_dir() and os.access(counts, os.W_OK)
    if counts and not is_usable:
        message = f"must be a folder in which this process may write, not {counts}"
        yield Fault("PROMETHEUS_MULTIPROC_DIR", message)
    names = (settings.mail.transport, settings.mail.fallback)
    providers = [PROVIDERS[name] for name in names if name in PROVIDERS]
    calls_over_http = _calls_services(settings) or any(
        issubclass(provider, HttpProvider) for provider in providers
    )
    if calls_over_http:
        yield from proxy_faults(environ)
        yield from authority_folder_faults(environ)
    if calls_over_http or providers or settings.accounts.store == "ldap":
        yield from authority_file_faults(environ)


def _calls_services(settings: Settings) -> bool:
    """Tell whether Keyturn calls services over HTTP, besides those that send mails."""
    if settings.webhooks.url or settings.password.breaches:
        return True
    if settings.accounts.store == "supabase" or settings.second_step.sms.account:
        return True
    return settings.challenge.method in {"turnstile", "hcaptcha"}


def _reports(settings: Settings) -> Iterator[Fault]:
    for name in PROVIDERS:
        provider: Provider = getattr(settings, name)
        reports = provider.reports
        if reports and provider.proof and not holds(reports.proof, provider.proof):
            yield Fault(f"{name}.{reports.setting}", reports.fault)


_STORES = ("builtin", "table", "supabase", "ldap")
_SOURCES = ("none", "builtin", "table", "supabase")

RANDOM = "{random}"
_TIMES = ("{now}", "{now_ms}", "{now_iso}")
_PLACES = (*_TIMES, "{null}")
_PLACES_OF_CHANGE = (*_TIMES, RANDOM, "{null}")
"""Only `accounts.table.set` may have a random value. A lock is recognised by its value, and an
ending would write the same value into several rows.
"""

_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')
_PLACE = re.compile(r"\{\w+\}")


def _accounts(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    store = settings.accounts.store
    table = settings.accounts.table
    # An app has a sign-in. Keyturn's own would be a second way in, without the first one's other
    # checks (OWASP ASVS 6.1.3, 6.3.4: every way in is documented, and all are equally strong).
    if store != "builtin" and not settings.sign_in_url:
        message = "set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
        yield _missing("sign_in_url", message)
    yield from _choice("accounts.store", store, _STORES)
    yield from _choice("second_step.source", settings.second_step.source, _SOURCES)
    yield from _unused_sections(settings, written)
    has_table = "accounts.table" in written
    if store == "supabase" and has_table and not table.table:
        yield _missing("accounts.table.table", "accounts.table is set")
    if store == "table" or (store == "supabase" and has_table):
        yield from _table(settings)
    if store == "ldap":
        yield from _ldap(settings)


def _choice(name: str, chosen: str, own: Sequence[str]) -> Iterator[Fault]:
    if chosen not in own and not FUNCTION.fullmatch(chosen):
        meant = did_you_mean(chosen, own)
        yield Fault(name, f"must be {', '.join(own)} or package.module:factory{meant}")


def _unused_sections(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    """Yield a fault for each section that is written, and that the chosen store does not use.

    A store of the app's own (`package.module:factory`) may use any.
    """
    store = settings.accounts.store
    unused = []
    if store not in {"table", "supabase"}:
        unused.append("accounts.table")
    if store != "supabase":
        unused.append("accounts.supabase")
    if store != "ldap":
        unused.append("accounts.ldap")
    for section in unused:
        if section in written and ":" not in store:
            yield Fault(section, f"is set, but accounts.store is {store}")
    source = settings.second_step.source
    if "second_step.table" in written and source != "table" and ":" not in source:
        yield Fault("second_step.table", f"is set, but second_step.source is {source}")


def _table(settings: Settings) -> Iterator[Fault]:
    table = settings.accounts.table
    message = database_fault(table.url) if table.url else ""
    if message:
        yield Fault("accounts.table.url", message)
    yield from _identifiers(table)
    for entry, ending in table.endings.items():
        yield from _ending(table, entry, ending)
    yield from _values("accounts.table.set", table.set, _PLACES_OF_CHANGE)
    yield from _values("accounts.table.lock", table.lock)
    yield from _values("accounts.table.unlock", table.unlock)


def _identifiers(table: TableSettings) -> Iterator[Fault]:
    if not table.identifiers:
        return
    names = [column for column in table.identifiers if column != table.email]
    has_one_name = len(names) == 1 and "" not in names
    if not has_one_name or table.email not in table.identifiers:
        wanted = "the column of the address and one with user names, such as"
        message = f'must be {wanted} ["{table.email}", "username"]'
        yield Fault("accounts.table.identifiers", message)


def _ending(table: TableSettings, entry: str, ending: Ending) -> Iterator[Fault]:
    setting = "accounts.table.delete"
    if entry in table.ends:
        setting = member_name("accounts.table.ends", entry)
    if not _COLUMN_OF_TABLE.fullmatch(entry):
        message = f"must be a table and its column, such as sessions.user_id, not {entry}"
        yield Fault(setting, message)
    elif entry in table.delete and entry in table.ends:
        yield Fault(setting, "is in accounts.table.delete, too: remove one of the two")
    yield from _values(f"{setting}.set", ending.set)
    yield from _values(f"{setting}.where", ending.where)
    for column, value in ending.where.items():
        if value in _TIMES:
            name = member_name(f"{setting}.where", column)
            yield Fault(name, "no row has the present time: write a value")


def _values(
    setting: str, values: Mapping[str, object], known: Sequence[str] = _PLACES
) -> Iterator[Fault]:
    for column, value in values.items():
        match = _PLACE.search(value) if isinstance(value, str) else None
        if match is None:
            continue
        name = member_name(setting, column)
        place = match[0]
        if place == RANDOM and RANDOM not in known:
            yield Fault(name, f"only accounts.table.set can have {RANDOM}")
        elif place not in known:
            message = f"has an unknown placeholder {place}: use one of {', '.join(known)}"
            yield Fault(name, message)
        elif place != value:
            message = f"{place} must be the whole value: remove the text around it"
            yield Fault(name, message)


# A short name, or an OID (RFC 4512 1.4).
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_MOST_SERVERS = 6


def _ldap(settings: Settings) -> Iterator[Fault]:
    ldap = settings.accounts.ldap
    for attribute in ldap.where:
        if not _ATTRIBUTE.fullmatch(attribute):
            name = member_name("accounts.ldap.where", attribute)
            yield Fault(name, "its name must be that of an attribute")
    setting = "accounts.ldap.servers"
    example = "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        if not _SERVER.fullmatch(url) or not holds(_name_in_dns, host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif ldap.kind == "active_directory" and is_plain_ldap(url):
            message = "has no TLS, without which Active Directory changes no password: use ldaps://"
            yield Fault(setting, f"{url} {message}")


def _name_in_dns(host: str) -> bytes:
    """Return a host's name as the DNS writes it.

    Raises UnicodeError, a ValueError, for a label that is empty or too long.
    """
    return host.encode("idna")


def _second_step(settings: Settings) -> Iterator[Fault]:
    step = settings.second_step
    table = step.table
    if step.source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if step.source == "table" and not table.totp and not table.phone:
        message = "set the column of the TOTP secrets, or second_step.table.phone"
        yield _missing("second_step.table.totp", message)
    if table.format == "fernet":
        from cryptography.fernet import Fernet

        if not all(holds(Fernet, key) for key in table.keys):
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")


def _folders(settings: Settings) -> Iterator[Fault]:
    for name in ("mail.templates", "pages.templates"):
        folder = value_of(settings, name)
        if not folder or Path(folder).is_dir():
            continue
        if Path(folder).exists():
            yield Fault(name, f"is a file, not a folder: {folder}")
        else:
            yield Fault(name, f"no such folder: {folder}")
    if settings.languages:
        yield from _languages(settings)
    if settings.locales:
        yield from _catalogues(Path(settings.locales))


def _languages(settings: Settings) -> Iterator[Fault]:
    from keyturn.mail.languages.catalogues import PACKAGED, Catalogues, parse_locale
    from keyturn.mail.languages.language import SOURCE_LANGUAGE, Languages

    folders = [PACKAGED]
    if settings.locales:
        folders.append(Path(settings.locales))
    catalogues = Catalogues(tuple(folders))
    for tag in settings.languages:
        locale = parse_locale(tag)
        if locale is None:
            yield Fault("languages", f"no such language: {tag}")
        elif locale.language != SOURCE_LANGUAGE and not catalogues.files(locale):
            # The language that users get if they want this one.
            nearest = Languages("UTC", *folders).choose(tag).tag
            advice = "put one into `locales`"
            if nearest != SOURCE_LANGUAGE:
                advice = f"write {nearest}, or {advice}"
            yield Fault("languages", f"no catalogue for {tag}: {advice}")


def _catalogues(folder: Path) -> Iterator[Fault]:
    from keyturn.mail.languages.catalogues import Catalogues, catalogue_faults

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault(
            "locales",
            f"no catalogue in {folder}: Keyturn looks for files such as ro/LC_MESSAGES/keyturn.po",
        )
    for fault in catalogue_faults(catalogues):
        if fault.kind != "fuzzy":
            yield Fault("locales", str(fault))
