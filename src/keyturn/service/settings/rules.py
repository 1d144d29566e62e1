"""Rules for settings.

Tables have the bounds of single settings, and what settings need of each other. Functions have the
other rules.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple
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
    Settings,
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

_WITH_SECRETS = ("accounts.supabase.url", "second_step.sms.api_url", "webhooks.url")


def broken_rules(
    settings: Settings, *, sending: bool, written: Collection[str] = ()
) -> Iterator[Fault]:
    """Yield every broken rule.

    `sending`: whether the process sends mails, and so needs the secrets for that.
    `written`: the sections and keys that the file or the environment has.
    """
    yield from list(page_faults(settings)) or hosting_faults(settings)
    if sending:
        yield from _secret_key(settings)
        yield from _providers(settings)
    yield from _reports(settings)
    yield from broken_pairs(settings, sending=sending)
    for name in _WITH_SECRETS:
        yield from service_faults(name, value_of(settings, name), settings)
    yield from _accounts(settings, written)
    yield from _second_step(settings)
    for origin in settings.return_origins:
        is_local = settings.environment != "production" and is_loopback(origin)
        if not is_serialized_origin(origin) or not (origin.startswith("https://") or is_local):
            yield Fault(
                "return_origins",
                f"must be origins such as https://app.example.org{not_this(origin)}",
            )
    yield from _sender(settings.mail.from_)
    yield from brand_faults("brand", msgspec.structs.asdict(settings.brand))
    for kind, own in settings.kinds.items():
        yield from brand_faults(f"{member_name('kinds', kind)}.brand", own.brand)
    yield from broken_bounds(settings)
    yield from api_path_faults(settings.server.api_path)
    if message := database_fault(settings.database.url, for_our_tables=True):
        yield Fault("database.url", message)
    yield from _folders(settings)


def _sender(sender: str) -> Iterator[Fault]:
    if not sender:
        return
    try:
        parse_sender(sender)
    except ValueError as error:
        yield Fault("mail.from", str(error))


def value_of(settings: Settings, name: str) -> Any:
    return reduce(
        lambda section, key: getattr(section, "from_" if key == "from" else key),
        name.split("."),
        settings,
    )


def broken_bounds(settings: Settings) -> Iterator[Fault]:
    for names, check, message in _BOUNDS:
        for name in names.split():
            value = value_of(settings, name)
            for one in value if isinstance(value, tuple) else (value,):
                if not holds(check, one):
                    yield Fault(name, message.format(value=one, shown=shown(one)))


_BOUNDS: tuple[tuple[str, Callable[[Any], object], str], ...] = (
    (
        " ".join(f"limits.{name}" for name in RATES),
        lambda text: parse_rate(text).amount <= _MOST_A_RATE,
        (
            f"must be a rate, as in 3/minute or 10/15 minutes, of 1 to {_MOST_A_RATE} requests, "
            "not {shown}"
        ),
    ),
    (
        "metrics.token invitations.service_key invitations.link_key",
        lambda secret: not secret or len(secret) >= _SHORTEST_SECRET,
        f"shorter than {_SHORTEST_SECRET} characters",
    ),
    (
        "token.ttl",
        lambda life: life >= timedelta(minutes=1),
        "must be at least a minute, so that users have time to open the link",
    ),
    ("database.timeout", lambda time: time > timedelta(0), "must be more than 0 s"),
    (
        "worker.timeout",
        lambda time: time < LONGEST_TRY,
        f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take",
    ),
    ("server.host", bool, "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well"),
    (
        "server.allowed_origins",
        is_serialized_origin,
        "must be an origin such as https://app.example.org, not {value}",
    ),
    ("server.trusted_proxies", read_network, "must be an IP address or network, not {value}"),
    (
        "challenge.url",
        lambda url: (
            not url
            or ((url.startswith("https://") or is_loopback(url)) and not ENDS_A_SOURCE.search(url))
        ),
        "must begin with https://, without a space, a semicolon or a comma, not {shown}",
    ),
    (
        "password.breaches",
        lambda text: (
            text in {"", "hibp"}
            or text.startswith(("https://", "http://") if is_loopback(text) else "https://")
        ),
        "must be hibp, or begin with https://, not {shown}",
    ),
    (
        "second_step.sms.from",
        re.compile(r"(\+[1-9][0-9]{6,14})?").fullmatch,  # E.164
        "must be a number such as +14155552671",
    ),
    ("timezone", ZoneInfo, "no such time zone: {value}"),
    (
        "webhooks.url",
        lambda url: "@" not in url.partition("://")[2].partition("/")[0],
        "must not contain a user or a password: the signature proves that the call is Keyturn's",
    ),
    (
        "webhooks.secret",
        lambda text: all(map(webhook_key, split_secrets(text))),
        f"must be a signing secret: {FORM}",
    ),
)
"""Settings; a check that is true for a valid value, or raises ValueError; and the message."""


class Needs(NamedTuple):
    """A rule: `setting` must be set if `by` is one of `values`; without values, if `by` is set.

    `what`: the message, in place of the reason.
    `known_as`: the variable by which people know the setting.
    `sending`: only a process that sends mails needs it.
    `store`: only accounts in this store need it.
    """

    setting: str
    by: str
    values: str = ""
    what: str = ""
    known_as: str = ""
    sending: bool = False
    store: str = ""


_ROLE_KEY = "accounts.supabase.service_role_key"
_NEEDS = (
    Needs(
        "mail.from",
        "mail.transport",
        " ".join(PROVIDERS),
        "set the sender of the mails",
        sending=True,
    ),
    Needs("accounts.table.table", "accounts.store", "table"),
    Needs("accounts.table.id", "accounts.store", "table supabase", "the name of a column"),
    Needs("accounts.table.email", "accounts.store", "table supabase", "the name of a column"),
    Needs(
        "accounts.table.password",
        "accounts.store",
        "table",
        "only the store supabase works without this column",
    ),
    Needs("accounts.ldap.bind_dn", "accounts.store", "ldap", "the name of the service account"),
    Needs("accounts.ldap.base", "accounts.store", "ldap", "the entry above the accounts"),
    Needs(
        "accounts.ldap.bind_password",
        "accounts.store",
        "ldap",
        "the password of the service account",
        sending=True,
    ),
    Needs("accounts.supabase.url", "accounts.store", "supabase", known_as="SUPABASE_URL"),
    Needs(
        _ROLE_KEY, "accounts.store", "supabase", known_as="SUPABASE_SERVICE_ROLE_KEY", sending=True
    ),
    Needs(
        "secure_account.url",
        "secure_account.lock",
        what="without its button in mails, no account gets locked",
    ),
    Needs("accounts.table.lock", "secure_account.lock", store="table"),
    Needs("accounts.table.unlock", "accounts.table.lock"),
    Needs("accounts.table.lock", "accounts.table.unlock"),
    Needs("challenge.site_key", "challenge.method", "turnstile hcaptcha"),
    Needs("challenge.secret", "challenge.method", "turnstile hcaptcha"),
    Needs("accounts.table.table", "second_step.source", "table"),
    Needs("second_step.sms.account", "second_step.table.phone"),
    Needs(
        "second_step.table.account",
        "second_step.table.table",
        what="set the column with the account's id",
    ),
    Needs("second_step.table.key", "second_step.table.format", "fernet laravel"),
    Needs("second_step.sms.from", "second_step.sms.account", what="a number such as +14155552671"),
    Needs(
        "second_step.sms.password",
        "second_step.sms.account",
        what="Twilio's Auth Token",
        sending=True,
    ),
    Needs("webhooks.secret", "webhooks.url"),
    Needs("webhooks.url", "webhooks.secret"),
)
_ONLY_FOR = (
    ("challenge.site_key", "challenge.method", "none turnstile hcaptcha"),
    ("challenge.secret", "challenge.method", "none turnstile hcaptcha"),
    ("hashing.cost", "hashing.format", " ".join(BCRYPT_PREFIXES)),
    ("second_step.sms.account", "second_step.source", "builtin table"),
    ("second_step.table.key", "second_step.table.format", "fernet laravel"),
)


def broken_pairs(settings: Settings, *, sending: bool) -> Iterator[Fault]:
    for rule in _NEEDS:
        by = value_of(settings, rule.by)
        is_needed = by in rule.values.split() if rule.values else by
        is_ours = (sending or not rule.sending) and rule.store in ("", settings.accounts.store)
        if is_needed and is_ours and not value_of(settings, rule.setting):
            reason = f"{rule.by} is {by if rule.values else 'set'}"
            yield Fault(rule.known_as or rule.setting, f"missing: {rule.what or reason}")
    default = Settings()
    for setting, chooser, values in _ONLY_FOR:
        chosen = value_of(settings, chooser)
        if chosen not in values.split() and value_of(settings, setting) != value_of(
            default, setting
        ):
            yield Fault(setting, f"has no effect with {chooser} {chosen}: remove it")
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "must be another provider than mail.transport")
    if (key := value_of(settings, "invitations.link_key")) and key == value_of(
        settings, "invitations.service_key"
    ):
        message = "is also invitations.service_key: a link is a stronger right, choose another"
        yield Fault("invitations.link_key", message)


def _secret_key(settings: Settings) -> Iterator[Fault]:
    name, key = "KEYTURN_SECRET_KEY", settings.secret_key
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
    chosen = {mail.transport: ("mail.transport", _TRIAL)} | {mail.fallback: ("mail.fallback", "")}
    for name, (chosen_by, advice) in chosen.items():
        if name in PROVIDERS:
            provider: Provider = getattr(settings, name)
            for known_as in missing_settings(name, settings):
                yield Fault(known_as, f"missing: {chosen_by} is {name}{advice}")
            yield from service_faults(f"{name}.api_url", getattr(provider, "api_url", ""), settings)
            yield from (
                Fault(f"{name}.{setting}", message) for setting, message in provider.faults()
            )


def missing_settings(name: str, settings: Settings) -> Iterator[str]:
    for setting in PROVIDERS[name].needs if name in PROVIDERS else ():
        if not getattr(getattr(settings, name), setting):
            yield PROVIDERS[name].known_as(setting)


def environment_faults(settings: Settings, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Yield faults in the environment variables that libraries read.

    Those of proxies and of certificate authorities count only if the settings lead to calls.
    """
    counts = environ.get("PROMETHEUS_MULTIPROC_DIR")
    if counts and not (Path(counts).is_dir() and os.access(counts, os.W_OK)):
        yield Fault(
            "PROMETHEUS_MULTIPROC_DIR",
            f"must be a folder in which this process may write, not {counts}",
        )
    chosen = [
        PROVIDERS[name]
        for name in (settings.mail.transport, settings.mail.fallback)
        if name in PROVIDERS
    ]
    calls_over_http = (
        any(issubclass(provider, HttpProvider) for provider in chosen)
        or bool(settings.webhooks.url)
        or settings.accounts.store == "supabase"
        or settings.challenge.method in ("turnstile", "hcaptcha")
        or bool(settings.password.breaches)
        or bool(settings.second_step.sms.account)
    )
    if calls_over_http:
        yield from proxy_faults(environ)
        yield from authority_folder_faults(environ)
    if calls_over_http or chosen or settings.accounts.store == "ldap":
        yield from authority_file_faults(environ)


def _reports(settings: Settings) -> Iterator[Fault]:
    for name in PROVIDERS:
        provider: Provider = getattr(settings, name)
        if (
            (reports := provider.reports)
            and provider.proof
            and not holds(reports.proof, provider.proof)
        ):
            yield Fault(f"{name}.{reports.setting}", reports.fault)


_CHOICES = (
    ("accounts.store", ("builtin", "table", "supabase", "ldap")),
    ("second_step.source", ("none", "builtin", "table", "supabase")),
)

_USERS = (
    ("accounts.table", "accounts.store", ("table", "supabase")),
    ("accounts.supabase", "accounts.store", ("supabase",)),
    ("accounts.ldap", "accounts.store", ("ldap",)),
    ("second_step.table", "second_step.source", ("table",)),
)
"""Sections; the settings that choose among them; and the choices that use them."""

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
    accounts = settings.accounts
    store, table = accounts.store, accounts.table
    # An app has a sign-in. Keyturn's own would be a second way in, without the first one's other
    # checks (OWASP ASVS 6.1.3, 6.3.4: every way in is documented, and all are equally strong).
    if store != "builtin" and not settings.sign_in_url:
        message = (
            "missing: set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
        )
        yield Fault("sign_in_url", message)
    for name, own in _CHOICES:
        if (chosen := value_of(settings, name)) not in own and not FUNCTION.fullmatch(chosen):
            yield Fault(
                name,
                f"must be {', '.join(own)} or package.module:factory{did_you_mean(chosen, own)}",
            )
    for section, chooser, users in _USERS:
        chosen = value_of(settings, chooser)
        if section in written and chosen not in users and ":" not in chosen:
            yield Fault(section, f"is set, but {chooser} is {chosen}")
    if store == "supabase" and "accounts.table" in written and not table.table:
        yield Fault("accounts.table.table", "missing: accounts.table is set")
    if store == "table" or (store == "supabase" and "accounts.table" in written):
        yield from _table(settings)
    if store == "ldap":
        yield from _ldap(settings)


def _table(settings: Settings) -> Iterator[Fault]:
    table = settings.accounts.table
    if table.url and (message := database_fault(table.url)):
        yield Fault("accounts.table.url", message)
    others = [column for column in table.identifiers if column != table.email]
    if table.identifiers and (
        len(others) != 1 or table.email not in table.identifiers or "" in others
    ):
        wanted = (
            f'the column of the address and one with user names, such as ["{table.email}", '
            '"username"]'
        )
        yield Fault("accounts.table.identifiers", f"must be {wanted}")
    for entry, ending in table.endings.items():
        setting = (
            member_name("accounts.table.ends", entry)
            if entry in table.ends
            else "accounts.table.delete"
        )
        if not _COLUMN_OF_TABLE.fullmatch(entry):
            yield Fault(
                setting, f"must be a table and its column, such as sessions.user_id, not {entry}"
            )
        elif entry in table.delete and entry in table.ends:
            yield Fault(setting, "is in accounts.table.delete, too: remove one of the two")
        yield from _values(f"{setting}.set", ending.set)
        yield from _values(f"{setting}.where", ending.where)
        for column, value in ending.where.items():
            if value in _TIMES:
                yield Fault(
                    member_name(f"{setting}.where", column),
                    "no row has the present time: write a value",
                )
    yield from _values("accounts.table.set", table.set, _PLACES_OF_CHANGE)
    yield from _values("accounts.table.lock", table.lock)
    yield from _values("accounts.table.unlock", table.unlock)


def _values(
    setting: str, values: Mapping[str, object], known: Sequence[str] = _PLACES
) -> Iterator[Fault]:
    for column, value in values.items():
        place = _PLACE.search(value) if isinstance(value, str) else None
        if place and place[0] == RANDOM and RANDOM not in known:
            yield Fault(member_name(setting, column), f"only accounts.table.set can have {RANDOM}")
        elif place and place[0] not in known:
            message = f"has an unknown placeholder {place[0]}: use one of {', '.join(known)}"
            yield Fault(member_name(setting, column), message)
        elif place and place[0] != value:
            yield Fault(
                member_name(setting, column),
                f"{place[0]} must be the whole value: remove the text around it",
            )


# A short name, or an OID (RFC 4512 1.4).
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_MOST_SERVERS = 6


def _ldap(settings: Settings) -> Iterator[Fault]:
    accounts = settings.accounts
    ldap = accounts.ldap
    for name in ldap.where:
        if not _ATTRIBUTE.fullmatch(name):
            yield Fault(
                member_name("accounts.ldap.where", name), "its name must be that of an attribute"
            )
    setting, example = "accounts.ldap.servers", "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        # A name in the DNS has no label that is empty or too long.
        if not _SERVER.fullmatch(url) or not holds(lambda name: name.encode("idna"), host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif ldap.kind == "active_directory" and is_plain_ldap(url):
            yield Fault(
                setting,
                f"{url} has no TLS, without which Active Directory changes no password: use ldaps://",
            )


def _second_step(settings: Settings) -> Iterator[Fault]:
    step, table = settings.second_step, settings.second_step.table
    if step.source == "supabase" and settings.accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if step.source == "table" and not table.totp and not table.phone:
        yield Fault(
            "second_step.table.totp",
            "missing: set the column of the TOTP secrets, or second_step.table.phone",
        )
    if table.format == "fernet":
        from cryptography.fernet import Fernet

        if not all(holds(Fernet, key) for key in table.keys):
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")


def _folders(settings: Settings) -> Iterator[Fault]:
    for name in ("mail.templates", "pages.templates"):
        if (folder := value_of(settings, name)) and not Path(folder).is_dir():
            yield Fault(
                name,
                f"{'is a file, not a folder' if Path(folder).exists() else 'no such folder'}: "
                f"{folder}",
            )
    if settings.languages:
        yield from _languages(settings)
    if settings.locales:
        yield from _catalogues(Path(settings.locales))


def _languages(settings: Settings) -> Iterator[Fault]:
    from keyturn.mail.languages.catalogues import PACKAGED, Catalogues, parse_locale
    from keyturn.mail.languages.language import SOURCE_LANGUAGE, Languages

    folders = [PACKAGED, Path(settings.locales)] if settings.locales else [PACKAGED]
    catalogues = Catalogues(tuple(folders))
    for tag in settings.languages:
        if not (locale := parse_locale(tag)):
            yield Fault("languages", f"no such language: {tag}")
        elif locale.language != SOURCE_LANGUAGE and not catalogues.files(locale):
            # The language that users get if they want this one.
            nearest = Languages("UTC", *folders).choose(tag).tag
            advice = "" if nearest == SOURCE_LANGUAGE else f"write {nearest}, or "
            yield Fault("languages", f"no catalogue for {tag}: {advice}put one into `locales`")


def _catalogues(folder: Path) -> Iterator[Fault]:
    from keyturn.mail.languages.catalogues import Catalogues, catalogue_faults

    catalogues = Catalogues((folder,))
    if not any(catalogues.languages()):
        yield Fault(
            "locales",
            f"no catalogue in {folder}: Keyturn looks for files such as ro/LC_MESSAGES/keyturn.po",
        )
    yield from (
        Fault("locales", str(fault))
        for fault in catalogue_faults(catalogues)
        if fault.kind != "fuzzy"
    )
