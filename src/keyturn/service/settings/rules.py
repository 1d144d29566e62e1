"""Rules for settings that a type cannot state, one function a section, in the order of the file.

Most say what settings need of each other. The bounds of a single setting are in its type; here are
those of secrets and durations, which msgspec cannot bound, those that take a function to check, and
those whose fault must not show the value.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    ChallengeSettings,
    Ending,
    HashingSettings,
    InvitationSettings,
    LdapSettings,
    SecondStepSettings,
    ServerSettings,
    Settings,
    SupabaseSettings,
    TableSettings,
    is_plain_ldap,
    split_list,
)
from keyturn.service.settings.brand_files import brand_faults
from keyturn.service.settings.building import member_name
from keyturn.service.settings.factories import FACTORY
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.path_rules import api_path_faults, hosting_faults
from keyturn.service.settings.placeholders import NULL, RANDOM, TIMES, is_time
from keyturn.service.settings.url_rules import (
    ENDS_A_SOURCE,
    database_fault,
    is_private,
    page_faults,
    service_faults,
)
from keyturn.values import SecretStr, did_you_mean, not_this, shown

_SHORTEST_SECRET = 32
"""Characters of a secret. Random hexadecimal digits then have 128 bits, as NIST SP 800-131A asks of
a key.
"""


def broken_rules(
    settings: Settings, *, sending: bool, written: Collection[str] = ()
) -> Iterator[Fault]:
    """Yield every broken rule.

    `sending`: whether the process sends mails, and so needs the secrets for that.
    `written`: the sections and keys that the file or the environment has.
    """
    yield from _pages(settings)
    yield from _return_origins(settings)
    if sending:
        yield from _secret_key(settings)
    yield from _timezone(settings.timezone)
    yield from _languages(settings)
    yield from _database(settings)
    yield from _accounts(settings, written, sending=sending)
    yield from _token(settings)
    yield from _invitations(settings.invitations)
    yield from _secure_account(settings)
    yield from _mail(settings, sending=sending)
    yield from _providers(settings, sending=sending)
    yield from _brands(settings)
    yield from _folder("pages.templates", settings.pages.templates)
    yield from _password(settings)
    yield from _challenge(settings.challenge)
    yield from _second_step(settings, written, sending=sending)
    yield from _server(settings.server)
    yield from _hashing(settings.hashing)
    yield from _worker(settings)
    yield from _webhooks(settings)
    yield from _shortest_secret("metrics.token", settings.metrics.token)


def _holds(check: Callable[[Any], object], value: Any) -> bool:
    """Tell whether a check returns a true value, and raises no error of a bad value."""
    try:
        return bool(check(value))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _missing(name: str, why: str) -> Fault:
    return Fault(name, f"missing: {why}")


def _has_no_effect(name: str, because: str) -> Fault:
    return Fault(name, f"has no effect with {because}: remove it")


def _shortest_secret(name: str, secret: SecretStr) -> Iterator[Fault]:
    if secret and len(secret) < _SHORTEST_SECRET:
        yield Fault(name, f"shorter than {_SHORTEST_SECRET} characters")


def _folder(name: str, folder: str) -> Iterator[Fault]:
    if not folder or Path(folder).is_dir():
        return
    if Path(folder).exists():
        yield Fault(name, f"is a file, not a folder: {folder}")
    else:
        yield Fault(name, f"no such folder: {folder}")


# At the top of the file


def _pages(settings: Settings) -> Iterator[Fault]:
    of_addresses = list(page_faults(settings))
    yield from of_addresses
    if not of_addresses:
        yield from hosting_faults(settings)


def _return_origins(settings: Settings) -> Iterator[Fault]:
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        is_safe = origin.startswith("https://") or is_local
        if not is_serialized_origin(origin) or not is_safe:
            message = f"must be origins such as https://app.example.org{not_this(origin)}"
            yield Fault("return_origins", message)


def _secret_key(settings: Settings) -> Iterator[Fault]:
    name = "KEYTURN_SECRET_KEY"
    yield from _shortest_secret(name, settings.secret_key)
    if settings.secret_key:
        return
    if settings.token.code:
        yield _missing(name, "token.code is on, and codes need it")
    elif settings.environment == "production":
        yield _missing(name, f"set it to {_SHORTEST_SECRET} or more random characters")


def _timezone(name: str) -> Iterator[Fault]:
    if not _holds(ZoneInfo, name):
        yield Fault("timezone", f"no such time zone: {name}")


def _languages(settings: Settings) -> Iterator[Fault]:
    if settings.languages:
        yield from _tags(settings)
    if settings.locales:
        yield from _catalogues(Path(settings.locales))


def _tags(settings: Settings) -> Iterator[Fault]:
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


# The section [database]


def _database(settings: Settings) -> Iterator[Fault]:
    message = database_fault(settings.database.url, for_our_tables=True)
    if message:
        yield Fault("database.url", message)
    if settings.database.timeout <= timedelta(0):
        yield Fault("database.timeout", "must be more than 0 s")


# The section [accounts]

_STORES = ("builtin", "table", "supabase", "ldap")

_PLACES = (*TIMES, NULL)
_PLACES_OF_CHANGE = (*TIMES, RANDOM, NULL)
"""Only `accounts.table.set` may have a random value. A lock is recognised by its value, and an
ending would write the same value into several rows.
"""

_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')
_PLACE = re.compile(r"\{\w+\}")


def _accounts(settings: Settings, written: Collection[str], *, sending: bool) -> Iterator[Fault]:
    accounts = settings.accounts
    store = accounts.store
    yield from _choice("accounts.store", store, _STORES)
    # An app has a sign-in. Keyturn's own would be a second way in, without the first one's other
    # checks (OWASP ASVS 6.1.3, 6.3.4: every way in is documented, and all are equally strong).
    if store != "builtin" and not settings.sign_in_url:
        message = "set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
        yield _missing("sign_in_url", message)
    yield from _unused_sections(store, written)
    yield from service_faults("accounts.supabase.url", accounts.supabase.url, settings)
    match store:
        case "table":
            yield from _needs_of_table(accounts.table)
            yield from _table(accounts.table)
        case "supabase":
            yield from _needs_of_supabase(accounts.supabase, sending=sending)
            yield from _needs_of_columns(accounts.table)
            if "accounts.table" in written:
                yield from _table_beside_supabase(accounts.table)
        case "ldap":
            yield from _needs_of_ldap(accounts.ldap, sending=sending)
            yield from _ldap(accounts.ldap)


def _choice(name: str, chosen: str, own: Sequence[str]) -> Iterator[Fault]:
    if chosen not in own and not FACTORY.fullmatch(chosen):
        meant = did_you_mean(chosen, own)
        yield Fault(name, f"must be {', '.join(own)} or package.module:factory{meant}")


def _unused_sections(store: str, written: Collection[str]) -> Iterator[Fault]:
    """Yield a fault for each section that is written, and that the chosen store does not use.

    A store of the app's own (`package.module:factory`) may use any.
    """
    if ":" in store:
        return
    unused = []
    if store not in {"table", "supabase"}:
        unused.append("accounts.table")
    if store != "supabase":
        unused.append("accounts.supabase")
    if store != "ldap":
        unused.append("accounts.ldap")
    for section in unused:
        if section in written:
            yield Fault(section, f"is set, but accounts.store is {store}")


# The section [accounts.table]


def _needs_of_table(table: TableSettings) -> Iterator[Fault]:
    if not table.table:
        yield _missing("accounts.table.table", "accounts.store is table")
    yield from _needs_of_columns(table)
    if not table.password:
        message = "only the store supabase works without this column"
        yield _missing("accounts.table.password", message)


def _needs_of_columns(table: TableSettings) -> Iterator[Fault]:
    if not table.id:
        yield _missing("accounts.table.id", "the name of a column")
    if not table.email:
        yield _missing("accounts.table.email", "the name of a column")


def _table_beside_supabase(table: TableSettings) -> Iterator[Fault]:
    if not table.table:
        yield _missing("accounts.table.table", "accounts.table is set")
    yield from _table(table)


def _table(table: TableSettings) -> Iterator[Fault]:
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
        if is_time(value):
            name = member_name(f"{setting}.where", column)
            yield Fault(name, "no row has the present time: write a value")


def _values(
    setting: str, values: Mapping[str, object], known: Sequence[str] = _PLACES
) -> Iterator[Fault]:
    """Yield the faults of placeholders in values that are written into columns."""
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


# The section [accounts.supabase]


def _needs_of_supabase(supabase: SupabaseSettings, *, sending: bool) -> Iterator[Fault]:
    # People know these settings by Supabase's own variables.
    if not supabase.url:
        yield _missing("SUPABASE_URL", "accounts.store is supabase")
    if sending and not supabase.service_role_key:
        yield _missing("SUPABASE_SERVICE_ROLE_KEY", "accounts.store is supabase")


# The section [accounts.ldap]

# A short name, or an OID (RFC 4512 1.4).
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_MOST_SERVERS = 6


def _needs_of_ldap(ldap: LdapSettings, *, sending: bool) -> Iterator[Fault]:
    if not ldap.bind_dn:
        yield _missing("accounts.ldap.bind_dn", "the name of the service account")
    if not ldap.base:
        yield _missing("accounts.ldap.base", "the entry above the accounts")
    if sending and not ldap.bind_password:
        yield _missing("accounts.ldap.bind_password", "the password of the service account")


def _ldap(ldap: LdapSettings) -> Iterator[Fault]:
    for attribute in ldap.where:
        if not _ATTRIBUTE.fullmatch(attribute):
            name = member_name("accounts.ldap.where", attribute)
            yield Fault(name, "its name must be that of an attribute")
    setting = "accounts.ldap.servers"
    example = "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        if not _SERVER.fullmatch(url) or not _holds(_name_in_dns, host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif ldap.kind == "active_directory" and is_plain_ldap(url):
            message = "has no TLS, without which Active Directory changes no password: use ldaps://"
            yield Fault(setting, f"{url} {message}")


def _name_in_dns(host: str) -> bytes:
    """Return a host's name as the DNS writes it.

    Raises UnicodeError, a ValueError, for a label that is empty or too long.
    """
    return host.encode("idna")


# The sections [token], [invitations], [secure_account]


def _token(settings: Settings) -> Iterator[Fault]:
    if settings.token.ttl < timedelta(minutes=1):
        message = "must be at least a minute, so that users have time to open the link"
        yield Fault("token.ttl", message)


def _invitations(invitations: InvitationSettings) -> Iterator[Fault]:
    yield from _shortest_secret("invitations.service_key", invitations.service_key)
    yield from _shortest_secret("invitations.link_key", invitations.link_key)
    if invitations.link_key and invitations.link_key == invitations.service_key:
        message = "is also invitations.service_key: a link is a stronger right, choose another"
        yield Fault("invitations.link_key", message)


def _secure_account(settings: Settings) -> Iterator[Fault]:
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


# The sections [mail], and the section of each provider

_TRIAL = (
    "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"
)


def _mail(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    mail = settings.mail
    if sending and mail.transport in PROVIDERS and not mail.from_:
        yield _missing("mail.from", "set the sender of the mails")
    if mail.from_:
        try:
            parse_sender(mail.from_)
        except ValueError as error:
            yield Fault("mail.from", str(error))
    if mail.fallback == mail.transport:
        yield Fault("mail.fallback", "must be another provider than mail.transport")
    yield from _folder("mail.templates", mail.templates)


def _providers(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    """Yield the missing and invalid settings of the chosen providers, and bad proofs of reports.

    Other providers are not checked: AWS's variables, for example, may be set for other programs.
    """
    for name in PROVIDERS:
        provider: Provider = getattr(settings, name)
        reports = provider.reports
        if reports and provider.proof and not _holds(reports.proof, provider.proof):
            yield Fault(f"{name}.{reports.setting}", reports.fault)
    if not sending:
        return
    mail = settings.mail
    if mail.transport != mail.fallback:
        for known_as in missing_provider_settings(mail.transport, settings):
            yield _missing(known_as, f"mail.transport is {mail.transport}{_TRIAL}")
        yield from _provider(mail.transport, settings)
    for known_as in missing_provider_settings(mail.fallback, settings):
        yield _missing(known_as, f"mail.fallback is {mail.fallback}")
    yield from _provider(mail.fallback, settings)


def _provider(name: str, settings: Settings) -> Iterator[Fault]:
    if name not in PROVIDERS:
        return
    provider: Provider = getattr(settings, name)
    yield from service_faults(f"{name}.api_url", getattr(provider, "api_url", ""), settings)
    for setting, message in provider.faults():
        yield Fault(f"{name}.{setting}", message)


def missing_provider_settings(name: str, settings: Settings) -> Iterator[str]:
    """Yield the settings that a provider needs and does not have, as people know them."""
    if name not in PROVIDERS:
        return
    provider = getattr(settings, name)
    for setting in PROVIDERS[name].needs:
        if not getattr(provider, setting):
            yield PROVIDERS[name].known_as(setting)


# The sections [brand], [kinds.*.brand], [password], [challenge]


def _brands(settings: Settings) -> Iterator[Fault]:
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)


def _password(settings: Settings) -> Iterator[Fault]:
    breaches = settings.password.breaches
    if breaches not in {"", "hibp"} and not is_private(breaches):
        message = f"must be hibp, or begin with https://, not {shown(breaches)}"
        yield Fault("password.breaches", message)


def _challenge(challenge: ChallengeSettings) -> Iterator[Fault]:
    if challenge.url and not _may_load(challenge.url):
        message = "must begin with https://, without a space, a semicolon or a comma"
        yield Fault("challenge.url", f"{message}, not {shown(challenge.url)}")
    because = f"challenge.method is {challenge.method}"
    if challenge.method in {"turnstile", "hcaptcha"}:
        if not challenge.site_key:
            yield _missing("challenge.site_key", because)
        if not challenge.secret:
            yield _missing("challenge.secret", because)
    elif challenge.method == "altcha":  # a method that is off may keep its keys
        if challenge.site_key:
            yield _has_no_effect("challenge.site_key", "challenge.method altcha")
        if challenge.secret:
            yield _has_no_effect("challenge.secret", "challenge.method altcha")


def _may_load(url: str) -> bool:
    """Tell whether a page's policy can name a script's URL. Over http, others could change it."""
    return is_private(url) and not ENDS_A_SOURCE.search(url)


# The section [second_step]

_SOURCES = ("none", "builtin", "table", "supabase")

_ENCRYPTED = ("fernet", "laravel")
"""Formats of TOTP secrets that need a key."""

_PHONE_NUMBER = re.compile(r"(\+[1-9][0-9]{6,14})?")
"""A number as in E.164, or none."""

_EXAMPLE_OF_NUMBER = "a number such as +14155552671"


def _second_step(settings: Settings, written: Collection[str], *, sending: bool) -> Iterator[Fault]:
    step = settings.second_step
    source = step.source
    yield from _choice("second_step.source", source, _SOURCES)
    if "second_step.table" in written and source != "table" and ":" not in source:
        yield Fault("second_step.table", f"is set, but second_step.source is {source}")
    if source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if source == "table" and not settings.accounts.table.table:
        yield _missing("accounts.table.table", "second_step.source is table")
    yield from _factors(step)
    yield from service_faults("second_step.sms.api_url", step.sms.api_url, settings)
    yield from _sms(step, sending=sending)


def _factors(step: SecondStepSettings) -> Iterator[Fault]:
    table = step.table
    if step.source == "table" and not table.totp and not table.phone:
        message = "set the column of the TOTP secrets, or second_step.table.phone"
        yield _missing("second_step.table.totp", message)
    if table.table and not table.account:
        yield _missing("second_step.table.account", "set the column with the account's id")
    if table.format in _ENCRYPTED and not table.key:
        yield _missing("second_step.table.key", f"second_step.table.format is {table.format}")
    if table.format not in _ENCRYPTED and table.key:
        because = f"second_step.table.format {table.format}"
        yield _has_no_effect("second_step.table.key", because)
    if table.format == "fernet":
        from cryptography.fernet import Fernet

        if not all(_holds(Fernet, key) for key in table.keys):
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")


def _sms(step: SecondStepSettings, *, sending: bool) -> Iterator[Fault]:
    sms = step.sms
    if not _PHONE_NUMBER.fullmatch(sms.from_):
        # The value is not shown: an Auth Token may stand there by mistake.
        yield Fault("second_step.sms.from", f"must be {_EXAMPLE_OF_NUMBER}")
    if not sms.account:
        if step.table.phone:
            yield _missing("second_step.sms.account", "second_step.table.phone is set")
        return
    if step.source not in {"builtin", "table"}:
        yield _has_no_effect("second_step.sms.account", f"second_step.source {step.source}")
    if not sms.from_:
        yield _missing("second_step.sms.from", _EXAMPLE_OF_NUMBER)
    if sending and not sms.password:
        yield _missing("second_step.sms.password", "Twilio's Auth Token")


# The sections [server], [hashing], [worker], [webhooks]


def _server(server: ServerSettings) -> Iterator[Fault]:
    for network in server.trusted_proxies:
        if not _holds(read_network, network):
            message = f"must be an IP address or network, not {network}"
            yield Fault("server.trusted_proxies", message)
    for origin in server.allowed_origins:
        if not is_serialized_origin(origin):
            message = f"must be an origin such as https://app.example.org, not {origin}"
            yield Fault("server.allowed_origins", message)
    yield from api_path_faults(server.api_path)


def _hashing(hashing: HashingSettings) -> Iterator[Fault]:
    if hashing.format not in BCRYPT_PREFIXES and hashing.cost != HashingSettings().cost:
        yield _has_no_effect("hashing.cost", f"hashing.format {hashing.format}")


def _worker(settings: Settings) -> Iterator[Fault]:
    if settings.worker.timeout >= LONGEST_TRY:
        message = f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take"
        yield Fault("worker.timeout", message)


def _webhooks(settings: Settings) -> Iterator[Fault]:
    webhooks = settings.webhooks
    yield from service_faults("webhooks.url", webhooks.url, settings)
    host = webhooks.url.partition("://")[2].partition("/")[0]
    if "@" in host:
        message = "must not contain a user or a password: the signature proves that the call is"
        yield Fault("webhooks.url", f"{message} Keyturn's")
    if not all(_holds(webhook_key, secret) for secret in split_list(webhooks.secret)):
        yield Fault("webhooks.secret", f"must be a signing secret: {FORM}")
    if webhooks.url and not webhooks.secret:
        yield _missing("webhooks.secret", "webhooks.url is set")
    if webhooks.secret and not webhooks.url:
        yield _missing("webhooks.url", "webhooks.secret is set")


# The environment


def environment_faults(settings: Settings, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield faults in the environment variables that libraries read.

    Those of proxies and of certificate authorities count only if the settings lead to calls.
    """
    yield from _shared_counts(environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    names = (settings.mail.transport, settings.mail.fallback)
    providers = [PROVIDERS[name] for name in names if name in PROVIDERS]
    mails_over_http = any(issubclass(provider, HttpProvider) for provider in providers)
    calls_over_http = mails_over_http or _calls_services(settings)
    if calls_over_http:
        yield from proxy_faults(environ)
        yield from authority_folder_faults(environ)
    if calls_over_http or providers or settings.accounts.store == "ldap":
        yield from authority_file_faults(environ)


def _shared_counts(folder: str) -> Iterator[Fault]:
    """Yield a fault of the folder in which the processes of a server add up their figures."""
    is_usable = Path(folder).is_dir() and os.access(folder, os.W_OK)
    if folder and not is_usable:
        message = f"must be a folder in which this process may write, not {folder}"
        yield Fault("PROMETHEUS_MULTIPROC_DIR", message)


def _calls_services(settings: Settings) -> bool:
    """Tell whether Keyturn calls services over HTTP, besides those that send mails."""
    if settings.webhooks.url or settings.password.breaches:
        return True
    if settings.accounts.store == "supabase" or settings.second_step.sms.account:
        return True
    return settings.challenge.method in {"turnstile", "hcaptcha"}
