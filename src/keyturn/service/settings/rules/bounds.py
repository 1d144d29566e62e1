"""The bounds of single settings, as one table: a new setting gets a row here."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from keyturn.errors import Fault
from keyturn.hosts import is_host, is_loopback, is_serialized_origin
from keyturn.service.settings import LONGEST_TRY, RATES, Settings
from keyturn.service.settings.building import parse_rate
from keyturn.service.settings.networks import read_network
from keyturn.service.settings.rules.together import value_of
from keyturn.service.settings.url_rules import ENDS_A_SOURCE
from keyturn.values import shown

SHORTEST_SECRET = 32
"""Characters; random hex of that length holds the 128 bits that NIST SP 800-131A asks of a key."""

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""How a function of the app's is named: `package.module:function`."""

_MOST_A_RATE = 100_000
"""Requests: the time of each is stored until it expires."""

_MINUTE, _NONE = timedelta(minutes=1), timedelta(0)
_MONTH = timedelta(days=30)
"""Until then, a reader of the mailbox may choose the password (OWASP ASVS 6.4.1: a short time)."""

_SCHEMA = re.compile(r"([a-z_][a-z0-9_]{0,62})?").fullmatch
"""Names that PostgreSQL keeps unchanged without quotes (its manual, 4.1.1)."""

_ATTRIBUTE = re.compile(r"([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)?").fullmatch
"""RFC 4512 1.4: a short name, or an OID; or none."""


def broken_bounds(settings: Settings) -> Iterator[Fault]:
    """Yield each value outside the bounds of its setting. Of a list, each item is a value."""
    for names, holds, message in _BOUNDS:
        for name in names.split():
            value = value_of(settings, name)
            for one in value if isinstance(value, tuple) else (value,):
                if not _holds(holds, one):
                    yield Fault(name, message.format(value=one, shown=shown(one)))


def _holds(holds: Callable[[Any], object], value: Any) -> bool:
    try:
        return bool(holds(value))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


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
    ("invitations.ttl", lambda life: _MINUTE <= life <= _MONTH, f"must be from a minute to {_MONTH.days} days"),
    ("database.timeout second_step.sms.cooldown", lambda time: time > _NONE, "must be more than 0 s"),
    (
        "worker.timeout",
        lambda time: time < LONGEST_TRY,
        f"must be less than {LONGEST_TRY.seconds} s, which a delivery may take",
    ),
    ("accounts.ldap.phone", _ATTRIBUTE, "must be the name of an attribute, not {shown}"),
    (
        "accounts.table.delete",
        re.compile(r'[^."\s]+(\.[^."\s]+){1,2}').fullmatch,
        "must be a table and its column, such as sessions.user_id, not {value}",
    ),
    ("server.host", bool, "is empty: use 0.0.0.0 for all IPv4 addresses, or :: for IPv6 as well"),
    ("server.allowed_origins", is_serialized_origin, "must be an origin such as https://app.example.org, not {value}"),
    (
        "server.allowed_hosts",
        is_host,
        "must be a host name such as account.example.org, without a port, not {value}",
    ),
    ("server.trusted_proxies", read_network, "must be an IP address or network, not {value}"),
    ("database.schema", _SCHEMA, "must be a plain name of lower-case letters, digits and _, such as keyturn"),
    (
        "challenge.url",
        lambda url: not url or ((url.startswith("https://") or is_loopback(url)) and not ENDS_A_SOURCE.search(url)),
        "must begin with https://, without a space, a semicolon or a comma, not {shown}",
    ),
    ("password.breaches", _is_breach_source, "must be hibp, or begin with https://, not {shown}"),
    (
        "hooks.before_reset",
        lambda name: not name or FUNCTION.fullmatch(name),
        "must be package.module:function, not {value}",
    ),
    (
        "second_step.sms.from",
        re.compile(r"(\+[1-9][0-9]{6,14})?").fullmatch,  # E.164
        "must be a number such as +14155552671",
    ),
    ("second_step.sms.prefixes", re.compile(r"\+[1-9][0-9]{0,6}").fullmatch, "must all be prefixes such as +44"),
    ("timezone", ZoneInfo, "no such time zone: {value}"),
)
"""Settings, what is true of each of their values (or raises ValueError), and what a fault says."""
