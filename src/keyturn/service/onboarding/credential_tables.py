"""Guesses which tables of an app hold credentials, by their names, and how a change ends them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from keyturn.service.onboarding.survey import Table
from keyturn.service.onboarding.usual_names import (
    bare_name,
    frameworks_of,
    key_column,
    plain_name,
)
from keyturn.service.settings import Credentials, Ending, TableSettings

_DJANGO_REST_TOKENS = (
    "^authtokentoken$"  # Django REST framework gives them to clients for a password, and to scripts
)
_CREDENTIALS: Mapping[Credentials, re.Pattern[str]] = {
    "passkeys": re.compile(
        r"passkey|webauthn|fido2?(key|credential|device)|publickeycredential|securitykeys?$"
        r"|authenticators?$"
    ),
    "trusted_devices": re.compile(r"(trusted|remembered)(device|browser|computer)|devicetrust"),
    "ssh_keys": re.compile(r"ssh(public)?keys?$"),
    "oauth_grants": re.compile(
        r"^(?=.*oauth).*(accesstoken|refreshtoken|authcode|authorizationcode|grant|consent"
        r"|devicecode|idtoken)s?$"
        r"|oauth2?(authorization|token)s?$"
    ),
    "access_tokens": re.compile(rf"(personal|user|developer)accesstokens?$|{_DJANGO_REST_TOKENS}"),
    "api_keys": re.compile(r"api(key|token|secret)s?$|(application|app)passwords?$"),
    "sessions": re.compile(
        r"session|remember|refreshtoken|persistentlogin|logintoken|authtoken"
        r"|^(auth)?accesstokens?$|^userstokens$"
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

_USUAL_OWNERS = ("user", "account", "member")


def credentials_in(table: str) -> Credentials | Literal[""]:
    """Return what the rows of a table admit clients by, or ""."""
    plain = bare_name(table)
    if _NO_CREDENTIALS.search(plain):
        return ""
    for what, names in _CREDENTIALS.items():
        if names.search(plain):
            return what
    return ""


def _holds_reset_links(table: str) -> bool:
    plain = bare_name(table)
    return bool(_RESET_LINKS.search(plain)) and not _NO_CREDENTIALS.search(plain)


# Entries of settings


def endings(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, Ending]]:
    """Yield entries of the setting `ends`: rows that a change deletes, or only an intrusion."""
    for name, other in sorted(tables.items()):
        what = credentials_in(name)
        owner = owner_column(other, table)
        if not what or not owner or name == table.name:
            continue
        # Rows that others refer to cannot be deleted, and some tables also hold second factors.
        is_held = any(name in holder.holds for holder in tables.values())
        may_stay = is_held or bool(_MIXED.search(bare_name(name)))
        if what == "sessions" or not may_stay:
            yield f"{name}.{owner}", Ending(what=what, when=_moment_of(name, what))


def _moment_of(table: str, what: Credentials) -> Literal["change", "intrusion"]:
    is_for_password = bool(re.search(_DJANGO_REST_TOKENS, bare_name(table)))
    if is_for_password or what in _ENDED_BY_CHANGE:
        return "change"
    return "intrusion"


def reset_link_entries(table: Table, tables: Mapping[str, Table]) -> Iterator[str]:
    """Yield entries of the setting `delete`: the rows of the app's own reset."""
    for name, other in sorted(tables.items()):
        owner = owner_column(other, table)
        if owner and name != table.name and _holds_reset_links(name):
            yield f"{name}.{owner}"


def owner_column(other: Table, table: Table) -> str:
    """Return the column with the account's id: a foreign key, else a column with such a name.

    "" if there is none.
    """
    return _referring_column(other, table) or _column_with_owner_name(other, table)


def _referring_column(other: Table, table: Table) -> str:
    """Return the column of a foreign key to the account's id, or "".

    Of several, one with the name of an owner counts first: another one may tell who revoked a
    session, for example.
    """
    key = key_column(table)
    columns = []
    for reference in other.references:
        if reference.table == table.name and reference.key == key:
            columns.append(reference.column)
    names = _owner_names(table, *_USUAL_OWNERS)
    for column in columns:
        if plain_name(column) in names:
            return column
    return columns[0] if columns else ""


def _column_with_owner_name(other: Table, table: Table) -> str:
    names = _owner_names(table)
    if not other.references:
        names = _owner_names(table, *_USUAL_OWNERS)
    referring = {reference.column for reference in other.references}
    for column in other.columns:
        if column not in referring and plain_name(column) in names:
            return column
    return ""


def _owner_names(table: Table, *other_owners: str) -> set[str]:
    """Return the usual names of a column with the id of a row in `table`, such as userid.

    `other_owners`: further words for such a row, besides the table's own name.
    """
    bare = bare_name(table.name)
    names = set()
    for owner in {bare, bare.removesuffix("s"), *other_owners}:
        for key in ("id", plain_name(key_column(table))):
            names.add(f"{owner}{key}")
            names.add(f"{key}{owner}")
    return names


# What no setting ends


def lasting(settings: TableSettings, tables: Iterable[str]) -> dict[str, Credentials]:
    """Return the tables of credentials that no setting names, with what they hold."""
    named = _named_tables(settings) | {bare_name(settings.table)}
    found: dict[str, Credentials] = {}
    for name in sorted(tables):
        what = credentials_in(name)
        if what and bare_name(name) not in named:
            found[name] = what
    return found


def sessions_left(settings: TableSettings, table: Table, tables: Iterable[str]) -> list[str]:
    """Return the tables of sessions that no setting names.

    Tables are left out if the app's framework ends their sessions when the hash changes.
    """
    by_hash: set[str] = set()
    for framework in frameworks_of(table):
        by_hash.update(framework.ends)
    left = []
    for name, what in lasting(settings, tables).items():
        if what == "sessions" and plain_name(name) not in by_hash:
            left.append(name)
    return left


def reset_links_left(settings: TableSettings, tables: Iterable[str]) -> list[str]:
    """Return the tables of an app's own reset that no setting names."""
    named = _named_tables(settings)
    left = []
    for name in sorted(tables):
        if _holds_reset_links(name) and bare_name(name) not in named:
            left.append(name)
    return left


def _named_tables(settings: TableSettings) -> set[str]:
    return {bare_name(entry.rpartition(".")[0]) for entry in settings.endings}
