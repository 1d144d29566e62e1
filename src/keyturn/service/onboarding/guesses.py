"""Guesses the table of the accounts and the meaning of its columns, by the names that apps use.

The functions read no database.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Column

from keyturn.service.accounts.table.column_values import Value, set_value
from keyturn.service.accounts.table.columns import kind_of
from keyturn.service.accounts.table.time_forms import placeholder_for, usual_form
from keyturn.service.clock import now
from keyturn.service.onboarding.survey import Table
from keyturn.service.settings import Credentials, Ending, TableSettings

_NAMES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

_PASSWORD = r"(?:password|passwd|pwd|pw)"
_FLAG = re.compile(
    rf"(must|force|needs?|require[sd]?)(change|reset|new)?{_PASSWORD}(change|reset|update)?|mustchange"
    rf"|{_PASSWORD}((change|reset)(required|needed)|(must|needs)(change|reset)|expired)"
    rf"|(is|has|uses?|using)?temp(orary)?{_PASSWORD}"
)
_LEFT_OVER = re.compile(
    rf"temp(orary)?{_PASSWORD}(hash)?(expires?(at|on)?|expiry|expiration)?"
    rf"|(reset)?{_PASSWORD}(reset)?(token(hash)?)?(expires?(at)?|expiry)|(reset)?{_PASSWORD}(reset)?token(hash)?"
    r"|resettoken(expires?(at)?|expiry)?"
)
_REMEMBERED = re.compile(r"remember(me)?(token|hash|digest)")
"""Columns that keep a client signed in after a change of the password (OWASP ASVS 7.4.3), such as
Laravel's remember_token.
"""
_STAMP = re.compile(r"sessiontoken|persistencetoken|securitystamp|fsuniquifier")
"""Columns of which each session has a copy, so that a new value ends all sessions (OWASP ASVS
7.4.3): those of Authlogic, ASP.NET Core Identity, Flask-Security and others.
"""
_FAILURES = re.compile(
    r"(failed|invalid|bad|wrong)(login|signin|password|access|auth)?(attempts?|count|counts|counter|tries)"
    r"|failedlogins?|(login|signin|access|password)(fail(ed|ures?)?)(count|attempts?)?|accessfailedcount"
)
_LOCKED_UNTIL = re.compile(
    r"(account|login)?(locked|lockout|lock)(at|on|until|end|ends|time|date|expires?(at)?|enddateutc)"
)
_UNLOCK_TOKEN = re.compile(r"unlocktoken(sentat|expires(at)?)?")
_LOCKED_OUT = re.compile(r"(is)?(account)?locked(out)?")
_NOT_LOCKED_OUT = re.compile(r"(is)?accountnonlocked")
"""Columns by which an app locks an account after too many wrong passwords: those of Devise, ASP.NET
Core Identity and Spring. A new password ends such a lockout, as with Devise. A table without a
counter of failures has no lockout: these columns are for bans there.
"""
_OTHER_SIGN_IN = re.compile(
    r"(is|has)?(ldap|sso|saml|oidc|oauth|openid|google|github|gitlab|facebook|apple|microsoft|azuread)(user|account|login)"
    r"|(ldap|sso|saml|oidc|oauth|openid|google|github|gitlab|facebook|apple|microsoft|azuread|twitter|linkedin|okta)"
    r"(id|uid|sub|subject|userid|dn|guid)|(is)?(ldap|sso|saml|oidc)|(auth|login)(source|type|method)(id)?"
)
"""Columns that tell that a user signs in elsewhere, but not with which provider."""
_WORDPRESS_LINK = "useractivationkey"  # the link of WordPress' own reset, or "", but never NULL
_CHANGED_AT = re.compile(
    rf"{_PASSWORD}(last)?(changed?|updated|modified|set)(at|on|date|time)|{_PASSWORD}(last)?changed|{_PASSWORD}lastset"
    rf"|last{_PASSWORD}(change|update)d?(at|on|date|time)?"
)
_TIMES = re.compile(
    r"(at|on|date|time|timestamp|since)$|^(created|updated|modified|changed|last)", re.IGNORECASE
)
_DJANGO_REST_TOKENS = (
    "^authtokentoken$"  # Django REST framework gives them to clients for a password, and to scripts
)
_CREDENTIALS: Mapping[Credentials, re.Pattern[str]] = {
    "passkeys": re.compile(
        r"passkey|webauthn|fido2?(key|credential|device)|publickeycredential|securitykeys?$|authenticators?$"
    ),
    "trusted_devices": re.compile(r"(trusted|remembered)(device|browser|computer)|devicetrust"),
    "ssh_keys": re.compile(r"ssh(public)?keys?$"),
    "oauth_grants": re.compile(
        r"^(?=.*oauth).*(accesstoken|refreshtoken|authcode|authorizationcode|grant|consent|devicecode|idtoken)s?$"
        r"|oauth2?(authorization|token)s?$"
    ),
    "access_tokens": re.compile(rf"(personal|user|developer)accesstokens?$|{_DJANGO_REST_TOKENS}"),
    "api_keys": re.compile(r"api(key|token|secret)s?$|(application|app)passwords?$"),
    "sessions": re.compile(
        r"session|remember|refreshtoken|persistentlogin|logintoken|authtoken|^(auth)?accesstokens?$|^userstokens$"
    ),
}
"""Tables whose rows still admit clients after a change of the password (CWE-613). Those of sessions
and the like admit clients that signed in with the old password (OWASP ASVS 7.4.3). users_tokens is
Phoenix's, which deletes its rows itself. AspNetUserTokens holds a second factor, and must stay.
"""
_RESET_LINKS = re.compile(r"passwordreset|resetpassword|resettoken")
"""Tables of an app's own reset. Their older links must not work after a change."""
_ENDED_BY_CHANGE = ("sessions", "trusted_devices")
KEPT = Ending(what="sessions", when="never")
"""The ending of sessions whose account no column tells: the app must end them. With it, neither
pages nor emails say that all devices are signed out.
"""
_MIXED = re.compile(r"authenticators?$")
"""Tables that may also hold second factors, which must stay: that of django-allauth."""
_NO_CREDENTIALS = re.compile(r"challenge|ceremony|attempt|logs?$|events?$|history|usage|audit")

_Values = Mapping[str, Sequence[object]]


def likely_tables(tables: Mapping[str, Table], *, password: bool) -> list[str]:
    """Return the names of the tables that may hold accounts, the likeliest first.

    `password`: whether they must have a column of passwords.
    """
    fitting = (
        name
        for name, table in tables.items()
        if _key_column(table)
        and _column(table, "email")
        and (_column(table, "password") or not password)
        and not is_supabase_auth(table)
    )
    return sorted(fitting, key=lambda name: (_rank(name), "." in name, name))


def is_supabase_auth(table: Table) -> bool:
    """Tell whether it is the table of Supabase Auth, which is changed only through its API."""
    return table.name == "auth.users" and "raw_app_meta_data" in table.columns


def clear_choice(likely: Sequence[str]) -> str:
    """Return the table to choose without a question; "" if there are several or none.

    It is the only one with a usual name, else the only one, else the only one of the search path.
    """
    usual = [name for name in likely if _rank(name) < len(_NAMES["tables"])] or likely
    chosen = usual if len(usual) == 1 else [name for name in usual if "." not in name]
    return chosen[0] if len(chosen) == 1 else ""


def _rank(name: str) -> int:
    usual: list[str] = _NAMES["tables"]
    plain = _bare_name(name)
    return usual.index(plain) if plain in usual else len(usual)


def telling_columns(table: Table) -> list[str]:
    """Return the columns whose values must be read.

    They are the column of the hashes, for their format, and columns of times without a type for
    times, for the form in which the app writes the time of a change.
    """
    changed = [
        name
        for name, one in table.columns.items()
        if _is_of_change(name) and not kind_of(one).has_native_times
    ]
    times = dict.fromkeys(one for name in changed for one in _times_like(table, name))
    return list(filter(None, [_column(table, "password"), *times]))


def _is_of_change(name: str) -> bool:
    return bool(_CHANGED_AT.fullmatch(plain_name(name)))


def guess(
    table: Table, tables: Mapping[str, Table], values: _Values, *, password: bool
) -> TableSettings:
    """Return the likeliest meaning of the columns, as settings.

    `values`: values of a few rows, by the columns of `telling_columns`.
    """
    password_column = _column(table, "password")
    wanted = {name: _value_to_set(table, name, values) for name in table.columns}
    settings = TableSettings(
        table=table.name,
        id=_key_column(table),
        email=_column(table, "email"),
        password=password_column if password else "",
        active=_active(table),
        kind=text_column(table, "kind"),
        name=_column(table, "name"),
        provider=text_column(table, "provider"),
        locale=_column(table, "locale"),
        set={
            name: value
            for name, value in wanted.items()
            if value is not None and name != password_column
        },
        delete=tuple(_reset_links(table, tables)),
        ends=dict(endings(table, tables)),
    )
    kept = {
        f"{name}.{next(iter(tables[name].columns))}": KEPT
        for name in sessions_left(settings, table, tables)
    }
    return msgspec.structs.replace(settings, ends=settings.ends | kept)


def plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _column(table: Table, meaning: str) -> str:
    """Return the column with the first usual name for a meaning that the table has, or ""."""
    plain = {plain_name(name): name for name in reversed(table.columns)}
    return next((plain[name] for name in _NAMES[meaning] if name in plain), "")


def text_column(table: Table, meaning: str) -> str:
    name = _column(table, meaning)
    return name if name and kind_of(table.columns[name]).holds in (str, object) else ""


def _active(table: Table) -> str | tuple[str, ...]:
    """Return all conditions for active accounts, since a user may be deleted, banned and so on."""
    conditions = []
    if flag := _column(table, "active"):
        conditions.append(flag)
    by_plain_name = {plain_name(name): name for name in reversed(table.columns)}
    conditions += [
        f"not {by_plain_name[name]}" for name in _NAMES["inactive"] if name in by_plain_name
    ]
    status = _column(table, "status")
    choices = kind_of(table.columns[status]).choices if status else ()
    bad = [value for value in choices if plain_name(value) in _NAMES["bad_status"]]
    if bad:
        conditions.append(f"not {status} = {' | '.join(bad)}")
    return tuple(conditions) if len(conditions) > 1 else "".join(conditions)


def _key_column(table: Table) -> str:
    return table.key or _column(table, "id")


def _value_to_set(table: Table, name: str, values: _Values) -> Value | None:
    plain, kind = plain_name(name), kind_of(table.columns[name])
    if _is_of_change(name) and kind.holds is not bool and kind.highest >= 2**31 - 1:
        return _time_placeholder(table, name, values)
    is_small = kind.holds is int and (kind.on_sqlite or kind.highest < 2**15)
    if _FLAG.fullmatch(plain) and (kind.holds is bool or is_small):
        return False
    if plain == _WORDPRESS_LINK:
        return ""
    if _STAMP.fullmatch(plain) and _fits(table.columns[name], "{random}"):
        return "{random}"
    if _counts_failures(table):
        unlocked = _unlocked(plain)
        if unlocked is not None and _fits(table.columns[name], unlocked):
            return unlocked
    if table.columns[name].nullable and any(
        pattern.fullmatch(plain) for pattern in (_FLAG, _LEFT_OVER, _REMEMBERED)
    ):
        return "{null}"
    return None


def _counts_failures(table: Table) -> bool:
    return any(_FAILURES.fullmatch(plain_name(name)) for name in table.columns)


def _unlocked(plain: str) -> Value | None:
    """Return the value that a column of a lockout gets when it ends; None for another column."""
    if _FAILURES.fullmatch(plain):
        return 0
    if _LOCKED_UNTIL.fullmatch(plain) or _UNLOCK_TOKEN.fullmatch(plain):
        return "{null}"
    if _LOCKED_OUT.fullmatch(plain):
        return False
    if _NOT_LOCKED_OUT.fullmatch(plain):
        return True
    return None


def _fits(column: Column[Any], value: Value) -> bool:
    try:
        set_value(column, value, now())
    except ValueError:
        return False
    return True


def lockout_columns(settings: TableSettings) -> list[str]:
    """Return the columns by which a new password ends a lockout, except the counters."""
    columns = []
    for name in settings.set:
        plain = plain_name(name)
        if _unlocked(plain) is not None and not _FAILURES.fullmatch(plain):
            columns.append(name)
    return columns


def other_sign_ins(table: Table) -> list[str]:
    """Return the columns that tell that a user signs in elsewhere."""
    return [name for name in table.columns if _OTHER_SIGN_IN.fullmatch(plain_name(name))]


def _times_like(table: Table, name: str) -> Sequence[str]:
    """Return a column of times, and others of the same type, which are likely to have its form."""
    holds = kind_of(table.columns[name]).holds
    return [
        name,
        *(
            one
            for one in table.columns
            if kind_of(table.columns[one]).holds is holds and _TIMES.search(one)
        ),
    ]


def _time_placeholder(table: Table, name: str, values: _Values) -> str:
    """Return the placeholder that writes times in the form of the column's values.

    Without values, those of other columns of its type decide.
    """
    kind = kind_of(table.columns[name])
    forms = (usual_form(values.get(one, ())) for one in _times_like(table, name))
    if known := placeholder_for(kind, next(filter(None, forms), "")):
        return known
    if kind.holds is str:
        return "{now_iso}"
    # A 64-bit integer is most likely JavaScript's Date.now(), which does not fit a smaller one.
    return (
        "{now_ms}" if kind.holds is int and not kind.on_sqlite and kind.highest > 2**32 else "{now}"
    )


def credentials_in(name: str) -> Credentials | Literal[""]:
    plain = _bare_name(name)
    if _NO_CREDENTIALS.search(plain):
        return ""
    return next((what for what, names in _CREDENTIALS.items() if names.search(plain)), "")


def lasting(settings: TableSettings, tables: Iterable[str]) -> dict[str, Credentials]:
    """Return the tables of credentials that no setting names, with what they hold."""
    named = {_bare_name(entry.rpartition(".")[0]) for entry in settings.endings} | {
        _bare_name(settings.table)
    }
    return {
        name: what
        for name in sorted(tables)
        if (what := credentials_in(name)) and _bare_name(name) not in named
    }


def sessions_left(settings: TableSettings, table: Table, tables: Iterable[str]) -> list[str]:
    """Return the tables of sessions that no setting names.

    Tables are left out if the app's framework ends their sessions when the hash changes.
    """
    by_hash: set[str] = set()
    for framework in frameworks_of(table):
        by_hash.update(framework.get("ends", ()))
    left = lasting(settings, tables)
    return [
        name
        for name, what in left.items()
        if what == "sessions" and plain_name(name) not in by_hash
    ]


def reset_links_left(settings: TableSettings, tables: Iterable[str]) -> list[str]:
    """Return the tables of an app's own reset that no setting names."""
    named = {_bare_name(entry.rpartition(".")[0]) for entry in settings.endings}
    return [
        name
        for name in sorted(tables)
        if _holds_reset_links(name) and _bare_name(name) not in named
    ]


def endings(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, Ending]]:
    """Yield entries of the setting `ends`: rows that a change deletes, or only an intrusion."""
    for name, other in sorted(tables.items()):
        what = credentials_in(name)
        owner = owner_column(other, table)
        if not what or not owner or name == table.name:
            continue
        is_for_password = bool(re.search(_DJANGO_REST_TOKENS, _bare_name(name)))
        when: Literal["change", "intrusion"] = "intrusion"
        if what in _ENDED_BY_CHANGE or is_for_password:
            when = "change"
        is_held = any(name in one.holds for one in tables.values())
        may_stay = what != "sessions" and (is_held or _MIXED.search(_bare_name(name)))
        if not may_stay:
            yield f"{name}.{owner}", Ending(what=what, when=when)


def _reset_links(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield entries of the setting `delete`: the rows of the app's own reset."""
    for name, other in sorted(tables.items()):
        owner = owner_column(other, table)
        if owner and name != table.name and _holds_reset_links(name):
            yield f"{name}.{owner}"


def _holds_reset_links(name: str) -> bool:
    plain = _bare_name(name)
    return bool(_RESET_LINKS.search(plain)) and not _NO_CREDENTIALS.search(plain)


def owner_column(other: Table, table: Table) -> str:
    """Return the column with the account's id: a foreign key, else a column with such a name.

    "" if there is none.
    """
    key = _key_column(table)
    pointing = [
        column
        for column, target, referred in other.points_to
        if (target, referred) == (table.name, key)
    ]
    bare, key = _bare_name(table.name), plain_name(key)
    owners = {bare, bare.removesuffix("s")} | (
        set() if other.points_to else {"user", "account", "member"}
    )
    names = {
        name
        for owner in owners
        for part in ("id", key)
        for name in (f"{owner}{part}", f"{part}{owner}")
    }
    elsewhere = {column for column, *_ in other.points_to}
    pointing += [
        column
        for column in other.columns
        if column not in elsewhere and plain_name(column) in names
    ]
    return next(iter(pointing), "")


def _bare_name(name: str) -> str:
    return plain_name(name.rpartition(".")[2])


def frameworks_of(table: Table) -> list[Mapping[str, Any]]:
    columns = {plain_name(name) for name in table.columns}
    return [one for one in _NAMES["frameworks"] if columns.issuperset(one["columns"])]
