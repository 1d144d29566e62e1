"""Which table holds the accounts, and what its columns are, by the names that apps use. Pure."""

import re
from collections.abc import Mapping, Sequence

from keyturn.accounts.table.columns import Column
from keyturn.onboarding.survey import Table
from keyturn.settings import TableSettings

_TABLES = ("users", "user", "accounts", "account", "authuser", "appuser", "members", "member", "people", "customers",
           "profiles", "logins")  # fmt: skip

_EMAIL = ("email", "emailaddress", "mail", "useremail", "primaryemail", "loginemail")
_PASSWORD = ("passwordhash", "hashedpassword", "encryptedpassword", "passworddigest", "passwordhashed", "pwdhash",
             "userpassword", "password", "passwd", "pwd", "pass")  # fmt: skip
_NAME = ("displayname", "fullname", "name", "realname", "firstname", "username", "nickname")
_ACTIVE = ("isactive", "active", "isenabled", "enabled")
_INACTIVE = ("isdisabled", "disabled", "isbanned", "banned", "isblocked", "blocked", "issuspended", "suspended",
             "isdeactivated", "deactivated", "isdeleted", "deleted", "deletedat", "disabledat", "bannedat", "blockedat",
             "suspendedat", "deactivatedat")  # fmt: skip
_PROVIDER = ("provider", "authprovider", "oauthprovider", "loginprovider", "signinprovider", "authmethod", "authtype",
             "logintype")  # fmt: skip
_KIND = ("kind", "role", "accounttype", "usertype", "accountkind", "userrole", "type")
_LOCALE = ("locale", "language", "preferredlanguage", "preferredlocale", "lang")

_FLAG = re.compile(r"(must|force|needs?|require[sd]?)(change|reset|new)?(password|pwd)(change|reset|update)?"
                   r"|password(change|reset)(required|needed)|password(must|needs)(change|reset)|passwordexpired"
                   r"|(is|has|uses?|using)?temp(orary)?password")  # fmt: skip
_LEFT_OVER = re.compile(r"temp(orary)?password(hash)?(expires?(at|on)?|expiry|expiration)?"
                        r"|(reset)?password(reset)?token(hash)?(expires?(at|on)?|expiry)?|resettoken(expires?(at)?|expiry)?"
                        r"|(reset)?password(reset)?(expires?(at)?|expiry)")  # fmt: skip
_REMEMBERED = re.compile(r"remember(me)?(token|hash|digest)|sessiontoken|persistencetoken")
"""Columns that keep somebody signed in who knew the old password (OWASP ASVS 7.4.3); Laravel's is remember_token."""
_CHANGED_AT = ("passwordchangedat", "passwordupdatedat", "passwordchanged", "passwordmodifiedat", "lastpasswordchange",
               "passwordlastchanged", "lastpasswordchangeat", "passwordsetat")  # fmt: skip
_ENDS = re.compile(r"session|remember|refreshtoken|persistentlogin|logintoken|authtoken|passwordreset|resettoken")
"""Tables whose rows let somebody in who knew the old password, or had a link of before (OWASP ASVS 7.4.3)."""


def likely_tables(tables: Mapping[str, Table], *, password: bool = True) -> list[str]:
    """Return the tables that may hold accounts, the likeliest first. `password` where they must have one, too."""
    ranked = []
    for name, table in tables.items():
        if (
            not _first_column(table, _EMAIL)
            or (password and not _first_column(table, _PASSWORD))
            or not _key_column(table)
        ):
            continue
        ranked.append((_rank(name), "." in name, name))
    return [name for _, _, name in sorted(ranked)]


def clear_choice(likely: Sequence[str]) -> str:
    """Return the table that is meant: the only one, or the only one with a usual name; "" where several could be."""
    usual = [name for name in likely if _rank(name) < len(_TABLES)] or likely
    return usual[0] if len(usual) == 1 else ""


def _rank(name: str) -> int:
    plain = _normalize_name(name.rpartition(".")[2])
    return _TABLES.index(plain) if plain in _TABLES else len(_TABLES)


def guess(table: Table, tables: Mapping[str, Table]) -> TableSettings:
    """Return what the columns are most likely; "" where there is none."""
    inactive = _first_column(table, _INACTIVE)
    return TableSettings(
        table=table.name,
        id=_key_column(table),
        email=_first_column(table, _EMAIL),
        password=_first_column(table, _PASSWORD),
        name=_first_column(table, _NAME),
        active=_first_column(table, _ACTIVE) or (f"not {inactive}" if inactive else ""),
        provider=_first_column(table, _PROVIDER),
        kind=_first_column(table, _KIND),
        locale=_first_column(table, _LOCALE),
        set=_columns_to_set(table),
        delete=tuple(_columns_to_delete(table, tables)),
    )


def _normalize_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _first_column(table: Table, names: Sequence[str]) -> str:
    """Return the column with the first of the names."""
    plain = {_normalize_name(name): name for name in reversed(table.columns)}
    return next((plain[name] for name in names if name in plain), "")


def _key_column(table: Table) -> str:
    return table.key or _first_column(table, ("id", "uuid", "userid", "accountid"))


def _columns_to_set(table: Table) -> dict[str, bool | int | float | str]:
    password = _first_column(table, _PASSWORD)
    found: dict[str, bool | int | float | str] = {}
    for name, column in table.columns.items():
        value = _value_to_set(_normalize_name(name), column)
        if name != password and value is not None:
            found[name] = value
    return found


def _value_to_set(plain: str, column: Column) -> bool | str | None:
    if plain in _CHANGED_AT:
        # An integer of 64 bits is most likely JavaScript's Date.now(); a narrower one has no room for it.
        milliseconds = column.holds is int and not column.on_sqlite and column.highest > 2**32
        return "{now_ms}" if milliseconds else "{now}"
    if _FLAG.fullmatch(plain) and (column.holds is bool or (column.holds is int and column.highest < 2**15)):
        return False
    if _FLAG.fullmatch(plain) and column.on_sqlite and column.holds is int:
        return False
    if column.nullable and any(pattern.fullmatch(plain) for pattern in (_FLAG, _LEFT_OVER, _REMEMBERED)):
        return "{null}"
    return None


def _columns_to_delete(table: Table, tables: Mapping[str, Table]) -> list[str]:
    bare = _normalize_name(table.name.rpartition(".")[2])
    owners = {f"{owner}id" for owner in ("user", "account", "member", bare, bare.removesuffix("s"))}
    found = []
    for name, other in tables.items():
        if name == table.name or not _ENDS.search(_normalize_name(name.rpartition(".")[2])):
            continue
        pointing = [column for column, target in other.points_to if target == table.name]
        pointing += [column for column in other.columns if not other.points_to and _normalize_name(column) in owners]
        found += [f"{name}.{column}" for column in pointing[:1]]
    return sorted(found)
