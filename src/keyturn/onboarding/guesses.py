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
             "userpassword", "userpass", "password", "passwd", "pwd", "pass")  # fmt: skip
_NAME = ("displayname", "fullname", "name", "realname", "firstname", "username", "nickname")
_ACTIVE = ("isactive", "active", "isenabled", "enabled")
_INACTIVE = ("isdisabled", "disabled", "isbanned", "banned", "isblocked", "blocked", "issuspended", "suspended",
             "isdeactivated", "deactivated", "isdeleted", "deleted", "deletedat", "disabledat", "bannedat", "blockedat",
             "suspendedat", "deactivatedat")  # fmt: skip
STATUS = ("status", "accountstatus", "accountstate")
_BAD_STATUS = ("suspended", "blocked", "banned", "disabled", "deactivated", "inactive", "deleted", "archived", "closed",
               "locked", "rejected", "removed")  # fmt: skip
"""Values of such a column whose accounts nobody may sign in to; who is invited or pending may choose a password."""

_PROVIDER = ("provider", "authprovider", "oauthprovider", "loginprovider", "signinprovider", "authmethod", "authtype",
             "logintype")  # fmt: skip
_KIND = ("kind", "role", "accounttype", "usertype", "accountkind", "userrole", "type")
_TIMEZONE = ("timezone", "timezonename", "preferredtimezone", "tz")
_LOCALE = ("locale", "language", "preferredlanguage", "preferredlocale", "lang")

_FLAG = re.compile(r"(must|force|needs?|require[sd]?)(change|reset|new)?(password|pwd)(change|reset|update)?"
                   r"|password(change|reset)(required|needed)|password(must|needs)(change|reset)|passwordexpired"
                   r"|(is|has|uses?|using)?temp(orary)?password")  # fmt: skip
_LEFT_OVER = re.compile(r"temp(orary)?password(hash)?(expires?(at|on)?|expiry|expiration)?"
                        r"|(reset)?password(reset)?token(hash)?(expires?(at|on)?|expiry)?|resettoken(expires?(at)?|expiry)?"
                        r"|(reset)?password(reset)?(expires?(at)?|expiry)")  # fmt: skip
_REMEMBERED = re.compile(r"remember(me)?(token|hash|digest)|sessiontoken|persistencetoken")
"""Columns that keep somebody signed in who knew the old password (OWASP ASVS 7.4.3); Laravel's is remember_token."""
_WORDPRESS_LINK = "useractivationkey"
"""Holds the link of WordPress' own reset, or nothing, but never NULL."""
_CHANGED_AT = ("passwordchangedat", "passwordupdatedat", "passwordchanged", "passwordmodifiedat", "lastpasswordchange",
               "passwordlastchanged", "lastpasswordchangeat", "passwordsetat")  # fmt: skip
_ENDS = re.compile(r"session|remember|refreshtoken|persistentlogin|logintoken|authtoken|passwordreset|resetpassword"
                   r"|resettoken|^(auth)?accesstokens?$|^userstokens$")  # fmt: skip
"""Tables whose rows let somebody in who knew the old password, or had a link of before (OWASP ASVS 7.4.3).

users_tokens is Phoenix's, which deletes them all itself; AspNetUserTokens hold a second factor, and must stay."""


def likely_tables(tables: Mapping[str, Table], *, password: bool = True) -> list[str]:
    """Return the tables that may hold accounts, the likeliest first. `password` where they must have one, too."""
    ranked = []
    for name, table in tables.items():
        if (
            is_supabase_auth(table)
            or not first_column(table, _EMAIL)
            or (password and not first_column(table, _PASSWORD))
            or not _key_column(table)
        ):
            continue
        ranked.append((_rank(name), "." in name, name))
    return [name for _, _, name in sorted(ranked)]


def is_supabase_auth(table: Table) -> bool:
    """Tell whether it is the table of Supabase Auth, which is changed over its API alone."""
    return table.name == "auth.users" and "raw_app_meta_data" in table.columns


def columns_apart(tables: Mapping[str, Table]) -> tuple[list[str], list[str]]:
    """Return the columns for addresses and those for passwords, as `table.column`."""
    emails, passwords = (
        sorted(f"{name}.{column}" for name, table in tables.items() if (column := first_column(table, names)))
        for names in (_EMAIL, _PASSWORD)
    )
    return emails, passwords


def clear_choice(likely: Sequence[str]) -> str:
    """Return the table that is meant: the only one, or the only one with a usual name; "" where several could be."""
    usual = [name for name in likely if _rank(name) < len(_TABLES)] or likely
    return usual[0] if len(usual) == 1 else ""


def _rank(name: str) -> int:
    plain = normalize_name(name.rpartition(".")[2])
    return _TABLES.index(plain) if plain in _TABLES else len(_TABLES)


def guess(table: Table, tables: Mapping[str, Table]) -> TableSettings:
    """Return what the columns are most likely; "" where there is none."""
    return TableSettings(
        table=table.name,
        id=_key_column(table),
        email=first_column(table, _EMAIL),
        password=first_column(table, _PASSWORD),
        name=first_column(table, _NAME),
        active=_active(table),
        provider=first_column(table, _PROVIDER),
        kind=_kind(table),
        locale=first_column(table, _LOCALE),
        timezone=first_column(table, _TIMEZONE),
        set=_columns_to_set(table),
        delete=tuple(_columns_to_delete(table, tables)),
    )


def _active(table: Table) -> str:
    """Return what tells who may sign in: a flag, or a status whose type or CHECK lists its values."""
    if (flag := first_column(table, _ACTIVE)) or not (name := first_column(table, (*_INACTIVE, *STATUS))):
        return flag
    if normalize_name(name) in _INACTIVE:
        return f"not {name}"
    bad = [value for value in table.columns[name].choices if normalize_name(value) in _BAD_STATUS]
    return f"not {name} = {' | '.join(bad)}" if bad else ""


def _kind(table: Table) -> str:
    name = first_column(table, _KIND)
    return name if name and table.columns[name].holds in (str, object) else ""


def normalize_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def first_column(table: Table, names: Sequence[str]) -> str:
    """Return the column with the first of the names."""
    plain = {normalize_name(name): name for name in reversed(table.columns)}
    return next((plain[name] for name in names if name in plain), "")


def _key_column(table: Table) -> str:
    return table.key or first_column(table, ("id", "uuid", "userid", "accountid", "uid"))


def _columns_to_set(table: Table) -> dict[str, bool | int | float | str]:
    password = first_column(table, _PASSWORD)
    found: dict[str, bool | int | float | str] = {}
    for name, column in table.columns.items():
        value = _value_to_set(normalize_name(name), column)
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
    if plain == _WORDPRESS_LINK:
        return ""
    if column.nullable and any(pattern.fullmatch(plain) for pattern in (_FLAG, _LEFT_OVER, _REMEMBERED)):
        return "{null}"
    return None


def lets_in(name: str) -> bool:
    """Tell whether rows of the table with that name let somebody in, or once did."""
    return bool(_ENDS.search(normalize_name(name.rpartition(".")[2])))


def _columns_to_delete(table: Table, tables: Mapping[str, Table]) -> list[str]:
    bare = normalize_name(table.name.rpartition(".")[2])
    owners = {f"{owner}id" for owner in ("user", "account", "member", bare, bare.removesuffix("s"))}
    found = []
    for name, other in tables.items():
        if name == table.name or not lets_in(name):
            continue
        pointing = [column for column, target in other.points_to if target == table.name]
        pointing += [column for column in other.columns if not other.points_to and normalize_name(column) in owners]
        found += [f"{name}.{column}" for column in pointing[:1]]
    return sorted(found)
