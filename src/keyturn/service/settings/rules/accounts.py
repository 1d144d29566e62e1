"""Rules for the account store, the kinds of accounts, `[challenge]` and second steps."""

import re
from collections.abc import Collection, Iterator, Mapping

from keyturn.errors import Fault
from keyturn.hosts import host_of
from keyturn.service.settings import (
    AccountSettings,
    LdapSettings,
    SecondStepSettings,
    Settings,
    TableSettings,
    is_plain_ldap,
)
from keyturn.service.settings.building import member_name
from keyturn.service.settings.rules.tables import ATTRIBUTE, FUNCTION, value_of
from keyturn.service.settings.url_rules import database_fault
from keyturn.values import did_you_mean, not_this

OWN_STORES = ("builtin", "table", "supabase", "ldap")
SOURCES = ("none", "builtin", "table", "supabase")
_USERS = {
    "accounts.table": ("accounts.store", ("table", "supabase")),
    "accounts.supabase": ("accounts.store", ("supabase",)),
    "accounts.ldap": ("accounts.store", ("ldap",)),
    "second_step.table": ("second_step.source", ("table",)),
}
"""Sections, and the choices that use them."""

PLACES = ("{now}", "{now_ms}", "{now_iso}", "{null}")
"""What a value of accounts.table.set may be, beside a plain one."""

_COLUMN_OF_TABLE = re.compile(r'[^."\s]+(\.[^."\s]+){1,2}')
_PLACE = re.compile(r"\{\w+\}")


def account_faults(settings: Settings, written: Collection[str]) -> Iterator[Fault]:
    """Yield every rule that is broken. `written`: the sections and keys in the file or the environment."""
    accounts, step = settings.accounts, settings.second_step
    # Beside an app, which has a sign-in, Keyturn's own would be a second one, past the first one's other checks (OWASP
    # ASVS 6.1.3, 6.3.4: every way in is documented, and all are of the same strength).
    if accounts.store != "builtin" and not settings.sign_in_url:
        yield Fault(
            "sign_in_url", "missing: set it to your app's sign-in page, or to {base_url}/login for Keyturn's page"
        )
    choices = (("accounts.store", accounts.store, OWN_STORES), ("second_step.source", step.source, SOURCES))
    for name, chosen, own in choices:
        if chosen not in own and not FUNCTION.fullmatch(chosen):
            yield Fault(name, f"must be {', '.join(own)} or package.module:factory{did_you_mean(chosen, own)}")
    for section, (chooser, users) in _USERS.items():
        chosen = value_of(settings, chooser)
        if section in written and chosen not in users and ":" not in chosen:
            yield Fault(section, f"is set, but {chooser} is {chosen}")
    if accounts.store == "table" or (accounts.store == "supabase" and "accounts.table" in written):
        yield from _table(accounts)
    if accounts.store == "ldap":
        yield from _ldap(accounts.ldap)
    yield from _second_step(step, accounts)


def _table(accounts: AccountSettings) -> Iterator[Fault]:
    table = accounts.table
    if not table.table and accounts.store == "supabase":
        yield Fault("accounts.table.table", "missing: accounts.table is set")
    if table.url and (message := database_fault(table.url)):
        yield Fault("accounts.table.url", message)
    others = [column for column in table.identifiers if column != table.email]
    if table.identifiers and (len(others) != 1 or table.email not in table.identifiers or "" in others):
        wanted = f'the column of the address and one with user names, such as ["{table.email}", "username"]'
        yield Fault("accounts.table.identifiers", f"must be {wanted}")
    yield from _endings(table)
    for name in ("set", "lock", "unlock"):
        yield from _values(f"accounts.table.{name}", getattr(table, name))


def _endings(table: TableSettings) -> Iterator[Fault]:
    for entry, ending in table.endings.items():
        setting = member_name("accounts.table.ends", entry) if entry in table.ends else "accounts.table.delete"
        if not _COLUMN_OF_TABLE.fullmatch(entry):
            yield Fault(setting, f"must be a table and its column, such as sessions.user_id, not {entry}")
        elif entry in table.delete and entry in table.ends:
            yield Fault(setting, "is in accounts.table.delete, too: remove one of the two")
        yield from _values(f"{setting}.set", ending.set)
        yield from _values(f"{setting}.where", ending.where)
        for column, value in ending.where.items():
            if value in PLACES[:3]:
                yield Fault(member_name(f"{setting}.where", column), "no row has the present time: write a value")


def _values(setting: str, values: Mapping[str, object]) -> Iterator[Fault]:
    for column, value in values.items():
        place = _PLACE.search(value) if isinstance(value, str) else None
        if place and place[0] not in PLACES:
            message = f"has an unknown placeholder {place[0]}: use one of {', '.join(PLACES)}"
            yield Fault(member_name(setting, column), message)
        elif place and place[0] != value:
            yield Fault(member_name(setting, column), f"{place[0]} must be the whole value: remove the text around it")


_SERVER = re.compile(r"ldaps?://[^/?#@\s]+", re.ASCII)
_MOST_SERVERS = 6


def _ldap(ldap: LdapSettings) -> Iterator[Fault]:
    for name in ldap.where:
        if not ATTRIBUTE.fullmatch(name):
            yield Fault(member_name("accounts.ldap.where", name), "its name must be that of an attribute")
    setting, example = "accounts.ldap.servers", "ldaps://dc1.example.org"
    if not 0 < len(ldap.servers) <= _MOST_SERVERS:
        yield Fault(setting, f"must name one to {_MOST_SERVERS} servers, such as {example}")
    for url in ldap.servers:
        if not _SERVER.fullmatch(url) or not _is_name(host_of(url)):
            yield Fault(setting, f"must be addresses like {example}{not_this(url)}")
        elif ldap.kind == "active_directory" and is_plain_ldap(url):
            yield Fault(setting, f"{url} has no TLS, without which Active Directory changes no password: use ldaps://")


def _is_name(host: str | None) -> bool:
    """Return whether DNS can have this name: a connection would fail at a label that is empty or too long."""
    try:
        return bool((host or "").encode("idna"))
    except UnicodeError:
        return False


def _second_step(step: SecondStepSettings, accounts: AccountSettings) -> Iterator[Fault]:
    if step.source == "supabase" and accounts.store != "supabase":
        yield Fault("second_step.source", "is supabase, so accounts.store must be, too")
    if step.source == "table" and not step.table.totp and not step.table.phone:
        yield Fault("second_step.table.totp", "missing: set the column of the TOTP secrets, or second_step.table.phone")
    if step.table.format == "fernet":
        from cryptography.fernet import Fernet

        try:
            _ = [Fernet(key) for key in step.table.keys]
        except ValueError:
            yield Fault("second_step.table.key", "must be a Fernet key: 32 bytes in base64url")
