"""The rules that are data: the bounds of single settings, and what settings need of each other."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import reduce
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from keyturn.errors import Fault
from keyturn.hosts import is_loopback, is_serialized_origin
from keyturn.mail.port.webhook_keys import FORM, webhook_key
from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings import BCRYPT_PREFIXES, LONGEST_TRY, RATES, Settings, split_secrets
from keyturn.service.settings.building import holds, parse_rate
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.url_rules import ENDS_A_SOURCE
from keyturn.values import shown

SHORTEST_SECRET = 32
"""Characters; random hex of that length holds the 128 bits that NIST SP 800-131A asks of a key."""

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

_MOST_A_RATE = 100_000
"""Requests: the time of each is stored until it expires."""

_MINUTE, _NONE = timedelta(minutes=1), timedelta(0)

ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
"""RFC 4512 1.4: a short name, or an OID."""


def value_of(settings: Settings, name: str) -> Any:
    return reduce(lambda section, key: getattr(section, "from_" if key == "from" else key), name.split("."), settings)


def broken_bounds(settings: Settings) -> Iterator[Fault]:
    """Yield each value outside the bounds of its setting. Of a list, each item is a value."""
    for names, check, message in _BOUNDS:
        for name in names.split():
            value = value_of(settings, name)
            for one in value if isinstance(value, tuple) else (value,):
                if not holds(check, one):
                    yield Fault(name, message.format(value=one, shown=shown(one)))


def _is_breach_source(text: str) -> bool:
    is_local = text.startswith("http://") and is_loopback(text)
    return text in {"", "hibp"} or text.startswith("https://") or is_local


_BOUNDS: tuple[tuple[str, Callable[[Any], object], str], ...] = (
    (
        " ".join(f"limits.{name}" for name in RATES),
        lambda text: parse_rate(text).amount <= _MOST_A_RATE,
        f"must be a rate, as in 3/minute or 10/15 minutes, of 1 to {_MOST_A_RATE} requests, not {{shown}}",
    ),
    (
        "metrics.token invitations.service_key invitations.link_key",
        lambda secret: not secret or len(secret) >= SHORTEST_SECRET,
        f"shorter than {SHORTEST_SECRET} characters",
    ),
    ("token.ttl", lambda life: life >= _MINUTE, "must be at least a minute, so that users have time to open the link"),
    ("database.timeout", lambda time: time > _NONE, "must be more than 0 s"),
    (
        "worker.timeout",
        lambda time: time < LONGEST_TRY,
        f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take",
    ),
    ("server.host", bool, "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well"),
    ("server.allowed_origins", is_serialized_origin, "must be an origin such as https://app.example.org, not {value}"),
    ("server.trusted_proxies", read_network, "must be an IP address or network, not {value}"),
    (
        "challenge.url",
        lambda url: not url or ((url.startswith("https://") or is_loopback(url)) and not ENDS_A_SOURCE.search(url)),
        "must begin with https://, without a space, a semicolon or a comma, not {shown}",
    ),
    ("password.breaches", _is_breach_source, "must be hibp, or begin with https://, not {shown}"),
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
    ("webhooks.secret", lambda text: all(map(webhook_key, split_secrets(text))), f"must be a signing secret: {FORM}"),
)
"""Settings, what is true of each of their values (or raises ValueError), and what a fault says."""


class Needs(NamedTuple):
    """`setting` must be set if `by` is one of `values`; without values, if `by` is set at all.

    `what`: what is missing, in place of the reason. `known_as`: the variable by which people know the setting.
    `sending`: only a process that sends mails needs it. `store`: only accounts in this store need it.
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
    Needs("mail.from", "mail.transport", " ".join(PROVIDERS), "set the sender of the mails", sending=True),
    Needs("accounts.table.table", "accounts.store", "table"),
    Needs("accounts.table.id", "accounts.store", "table supabase", "the name of a column"),
    Needs("accounts.table.email", "accounts.store", "table supabase", "the name of a column"),
    Needs("accounts.table.password", "accounts.store", "table", "only the store supabase works without this column"),
    Needs("accounts.ldap.bind_dn", "accounts.store", "ldap", "the name of the service account"),
    Needs("accounts.ldap.base", "accounts.store", "ldap", "the entry above the accounts"),
    Needs("accounts.ldap.bind_password", "accounts.store", "ldap", "the password of the service account", sending=True),
    Needs("accounts.supabase.url", "accounts.store", "supabase", known_as="SUPABASE_URL"),
    Needs(_ROLE_KEY, "accounts.store", "supabase", known_as="SUPABASE_SERVICE_ROLE_KEY", sending=True),
    Needs("secure_account.url", "secure_account.lock", what="without its button in mails, no account gets locked"),
    Needs("accounts.table.lock", "secure_account.lock", store="table"),
    Needs("accounts.table.unlock", "accounts.table.lock"),
    Needs("accounts.table.lock", "accounts.table.unlock"),
    Needs("challenge.site_key", "challenge.method", "turnstile hcaptcha"),
    Needs("challenge.secret", "challenge.method", "turnstile hcaptcha"),
    Needs("accounts.table.table", "second_step.source", "table"),
    Needs("second_step.sms.account", "second_step.table.phone"),
    Needs("second_step.table.account", "second_step.table.table", what="set the column with the account's id"),
    Needs("second_step.table.key", "second_step.table.format", "fernet laravel"),
    Needs("second_step.sms.from", "second_step.sms.account", what="a number such as +14155552671"),
    Needs("second_step.sms.password", "second_step.sms.account", what="Twilio's Auth Token", sending=True),
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

_DIFFERS = (
    ("mail.fallback", "mail.transport", "must be another provider than mail.transport"),
    (
        "invitations.link_key",
        "invitations.service_key",
        "is also invitations.service_key: a link is a stronger right, choose another",
    ),
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
        if chosen not in values.split() and value_of(settings, setting) != value_of(default, setting):
            yield Fault(setting, f"has no effect with {chooser} {chosen}: remove it")
    for setting, other, message in _DIFFERS:
        if (value := value_of(settings, setting)) and value == value_of(settings, other):
            yield Fault(setting, message)
