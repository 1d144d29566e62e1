"""Guesses the table of the accounts and the meaning of its columns, by the names that apps use.

The functions read no database.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column

from keyturn.service.accounts.table.column_values import Value, set_value
from keyturn.service.accounts.table.columns import Stored, kind_of
from keyturn.service.accounts.table.time_forms import placeholder_for, usual_form
from keyturn.service.clock import now
from keyturn.service.onboarding.credential_tables import (
    KEPT,
    endings,
    reset_link_entries,
    sessions_left,
)
from keyturn.service.onboarding.survey import Table
from keyturn.service.onboarding.usual_names import (
    USUAL,
    bare_name,
    columns_by_plain_name,
    key_column,
    plain_name,
    usual_column,
)
from keyturn.service.settings import TableSettings
from keyturn.service.settings.placeholders import (
    NOW,
    NOW_ISO,
    NOW_MS,
    NULL,
    RANDOM,
    TimePlaceholder,
)

_PASSWORD = r"(?:password|passwd|pwd|pw)"
_FLAG = re.compile(
    rf"(must|force|needs?|require[sd]?)(change|reset|new)?{_PASSWORD}(change|reset|update)?"
    r"|mustchange"
    rf"|{_PASSWORD}((change|reset)(required|needed)|(must|needs)(change|reset)|expired)"
    rf"|(is|has|uses?|using)?temp(orary)?{_PASSWORD}"
)
_LEFT_OVER = re.compile(
    rf"temp(orary)?{_PASSWORD}(hash)?(expires?(at|on)?|expiry|expiration)?"
    rf"|(reset)?{_PASSWORD}(reset)?(token(hash)?)?(expires?(at)?|expiry)"
    rf"|(reset)?{_PASSWORD}(reset)?token(hash)?"
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
    r"(failed|invalid|bad|wrong)(login|signin|password|access|auth)?"
    r"(attempts?|count|counts|counter|tries)"
    r"|failedlogins?"
    r"|(login|signin|access|password)(fail(ed|ures?)?)(count|attempts?)?"
    r"|accessfailedcount"
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
_OTHER_PROVIDERS = (
    "ldap|sso|saml|oidc|oauth|openid|google|github|gitlab|facebook|apple|microsoft|azuread"
)
_OTHER_SIGN_IN = re.compile(
    rf"(is|has)?({_OTHER_PROVIDERS})(user|account|login)"
    rf"|({_OTHER_PROVIDERS}|twitter|linkedin|okta)(id|uid|sub|subject|userid|dn|guid)"
    r"|(is)?(ldap|sso|saml|oidc)"
    r"|(auth|login)(source|type|method)(id)?"
)
"""Columns that tell that a user signs in elsewhere, but not with which provider."""
_WORDPRESS_LINK = "useractivationkey"  # the link of WordPress' own reset, or "", but never NULL
_CHANGED_AT = re.compile(
    rf"{_PASSWORD}(last)?(changed?|updated|modified|set)(at|on|date|time)"
    rf"|{_PASSWORD}(last)?changed"
    rf"|{_PASSWORD}lastset"
    rf"|last{_PASSWORD}(change|update)d?(at|on|date|time)?"
)
_TIMES = re.compile(
    r"(at|on|date|time|timestamp|since)$|^(created|updated|modified|changed|last)", re.IGNORECASE
)

_HIGHEST_OF_32_BITS = 2**31 - 1
_HIGHEST_OF_16_BITS = 2**15 - 1

_Values = Mapping[str, Sequence[object]]


# The table


def likely_tables(tables: Mapping[str, Table], *, password: bool) -> list[str]:
    """Return the names of the tables that may hold accounts, the likeliest first.

    `password`: whether they must have a column of passwords.
    """
    likely = []
    for name, table in tables.items():
        if _fits_accounts(table, password=password):
            likely.append(name)
    return sorted(likely, key=lambda name: (_rank(name), "." in name, name))


def _fits_accounts(table: Table, *, password: bool) -> bool:
    if is_supabase_auth(table) or not key_column(table):
        return False
    if password and not usual_column(table, USUAL.password):
        return False
    return bool(usual_column(table, USUAL.email))


def is_supabase_auth(table: Table) -> bool:
    """Tell whether it is the table of Supabase Auth, which is changed only through its API."""
    return table.name == "auth.users" and "raw_app_meta_data" in table.columns


def clear_choice(likely: Sequence[str]) -> str:
    """Return the table to choose without a question; "" if there are several or none.

    It is the only one with a usual name, else the only one, else the only one of the search path.
    """
    usual = [name for name in likely if _rank(name) < len(USUAL.tables)] or likely
    if len(usual) == 1:
        return usual[0]
    on_path = [name for name in usual if "." not in name]
    return on_path[0] if len(on_path) == 1 else ""


def _rank(name: str) -> int:
    plain = bare_name(name)
    if plain in USUAL.tables:
        return USUAL.tables.index(plain)
    return len(USUAL.tables)


# The columns


def telling_columns(table: Table) -> list[str]:
    """Return the columns whose values must be read.

    They are the column of the hashes, for their format, and columns of times without a type for
    times, for the form in which the app writes the time of a change.
    """
    telling = []
    password = usual_column(table, USUAL.password)
    if password:
        telling.append(password)
    times: dict[str, None] = {}
    for name, column in table.columns.items():
        if _is_time_of_change(name) and not kind_of(column).has_native_times:
            times.update(dict.fromkeys(_times_like(table, name)))
    return [*telling, *times]


def _is_time_of_change(name: str) -> bool:
    return bool(_CHANGED_AT.fullmatch(plain_name(name)))


def guess(
    table: Table, tables: Mapping[str, Table], values: _Values, *, password: bool
) -> TableSettings:
    """Return the likeliest meaning of the columns, as settings.

    `values`: values of a few rows, by the columns of `telling_columns`.
    """
    password_column = usual_column(table, USUAL.password)
    settings = TableSettings(
        table=table.name,
        id=key_column(table),
        email=usual_column(table, USUAL.email),
        password=password_column if password else "",
        active=_active(table),
        kind=text_column(table, USUAL.kind),
        name=usual_column(table, USUAL.name),
        provider=text_column(table, USUAL.provider),
        locale=usual_column(table, USUAL.locale),
        set=_values_to_set(table, password_column, values),
        delete=tuple(reset_link_entries(table, tables)),
        ends=dict(endings(table, tables)),
    )
    kept = {}
    for name in sessions_left(settings, table, tables):
        first_column = next(iter(tables[name].columns))
        kept[f"{name}.{first_column}"] = KEPT
    return msgspec.structs.replace(settings, ends=settings.ends | kept)


def text_column(table: Table, usual: list[str]) -> str:
    """Return the column with a usual name, if it may hold texts; else ""."""
    name = usual_column(table, usual)
    if name and kind_of(table.columns[name]).holds in (str, object):
        return name
    return ""


def _active(table: Table) -> str | tuple[str, ...]:
    """Return all conditions for active accounts, since a user may be deleted, banned and so on."""
    conditions = []
    flag = usual_column(table, USUAL.active)
    if flag:
        conditions.append(flag)
    columns = columns_by_plain_name(table)
    for name in USUAL.inactive:
        if name in columns:
            conditions.append(f"not {columns[name]}")
    status = usual_column(table, USUAL.status)
    choices = kind_of(table.columns[status]).choices if status else ()
    bad = [value for value in choices if plain_name(value) in USUAL.bad_status]
    if bad:
        conditions.append(f"not {status} = {' | '.join(bad)}")
    if len(conditions) > 1:
        return tuple(conditions)
    return "".join(conditions)


def other_sign_ins(table: Table) -> list[str]:
    """Return the columns that tell that a user signs in elsewhere."""
    return [name for name in table.columns if _OTHER_SIGN_IN.fullmatch(plain_name(name))]


# Values that a change sets


def _values_to_set(table: Table, password_column: str, values: _Values) -> dict[str, Value]:
    wanted = {}
    for name in table.columns:
        value = _value_to_set(table, name, values)
        if value is not None and name != password_column:
            wanted[name] = value
    return wanted


def _value_to_set(table: Table, name: str, values: _Values) -> Value | None:
    plain = plain_name(name)
    column = table.columns[name]
    kind = kind_of(column)
    if _is_time_of_change(name) and _may_hold_time(kind):
        return _time_placeholder(table, name, values)
    if _FLAG.fullmatch(plain) and _may_be_flag(kind):
        return False
    if plain == _WORDPRESS_LINK:
        return ""
    if _STAMP.fullmatch(plain) and _fits(column, RANDOM):
        return RANDOM
    if _counts_failures(table):
        unlocked = _unlocked(plain)
        if unlocked is not None and _fits(column, unlocked):
            return unlocked
    if column.nullable and _is_cleared(plain):
        return NULL
    return None


def _may_hold_time(kind: Stored) -> bool:
    """Tell whether a column may hold times. As a number, one has seconds since 1970 at least."""
    return kind.holds is not bool and kind.highest >= _HIGHEST_OF_32_BITS


def _may_be_flag(kind: Stored) -> bool:
    """Tell whether a column may hold true and false, also as a small number."""
    if kind.holds is int:
        return kind.on_sqlite or kind.highest <= _HIGHEST_OF_16_BITS
    return kind.holds is bool


def _is_cleared(plain: str) -> bool:
    """Tell whether a new password leaves nothing to remember in a column."""
    return any(pattern.fullmatch(plain) for pattern in (_FLAG, _LEFT_OVER, _REMEMBERED))


def _counts_failures(table: Table) -> bool:
    return any(_FAILURES.fullmatch(plain_name(name)) for name in table.columns)


def _unlocked(plain: str) -> Value | None:
    """Return the value that a column of a lockout gets when it ends; None for another column."""
    if _FAILURES.fullmatch(plain):
        return 0
    if _LOCKED_UNTIL.fullmatch(plain) or _UNLOCK_TOKEN.fullmatch(plain):
        return NULL
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


def _times_like(table: Table, name: str) -> list[str]:
    """Return a column of times, and others of the same type, which are likely to have its form."""
    holds = kind_of(table.columns[name]).holds
    alike = [name]
    for other, column in table.columns.items():
        if kind_of(column).holds is holds and _TIMES.search(other):
            alike.append(other)
    return alike


def _time_placeholder(table: Table, name: str, values: _Values) -> TimePlaceholder:
    """Return the placeholder that writes times in the form of the column's values.

    Without values, those of other columns of its type decide.
    """
    kind = kind_of(table.columns[name])
    known = placeholder_for(kind, _form_of_times(table, name, values))
    if known:
        return known
    if kind.holds is str:
        return NOW_ISO
    # A 64-bit integer is most likely JavaScript's Date.now(), which does not fit a smaller one.
    is_long = kind.holds is int and not kind.on_sqlite and kind.highest > 2**32
    return NOW_MS if is_long else NOW


def _form_of_times(table: Table, name: str, values: _Values) -> str:
    for column in _times_like(table, name):
        form = usual_form(values.get(column, ()))
        if form:
            return form
    return ""
