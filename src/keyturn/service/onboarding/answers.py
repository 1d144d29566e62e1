"""The user's answers, and the faults in them."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.port.provider import Provider
from keyturn.mail.providers import PROVIDERS
from keyturn.service.accounts.store_factory import import_factory
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.recognised_hashes import HashFormat
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.settings import TableSettings
from keyturn.service.settings.database_urls import read_url
from keyturn.service.settings.reading import OTHER_NAMES, PREFIX, inspect_settings
from keyturn.service.settings.rules.accounts import OWN_STORES
from keyturn.service.settings.url_rules import database_fault
from keyturn.service.settings.variables import FILE_SUFFIX, Variables

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")

OWN_DATABASE = "sqlite:///.keyturn/keyturn.db"


class DatabaseAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the app's database.

    `kind`: "sqlite", "postgresql" or "mysql".
    `url`: the address, which may hold a password.
    `written`: the text for the file, which names the `variable` with the password instead.
    """

    kind: str
    url: str
    written: str
    variable: str = ""

    @property
    def may_hold_our_tables(self) -> bool:
        return not database_fault(self.url, for_our_tables=True)

    @property
    def is_for_many_machines(self) -> bool:
        return self.kind == "postgresql"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The values for a settings file.

    `reset_url`, `sign_in_url`: "" for the hosted pages. `hashes`: the format of the app's own hashes.
    `questions`: points that the database does not show.

    `together`: Keyturn's own tables are in the accounts' database.
    """

    base_url: str
    brand: str
    sender: str
    provider: str = "resend"
    reset_url: str = ""
    sign_in_url: str = ""
    store: str = "builtin"
    database: DatabaseAddress | None = None
    together: bool = False
    table: TableSettings | None = None
    hashes: HashFormat = HashFormat()
    questions: tuple[str, ...] = ()
    supabase_url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that the file names, and their values."""
        return {self.database.variable: self.database.url} if self.database and self.database.variable else {}


def database_address(given: str, environ: Mapping[str, str]) -> DatabaseAddress:
    """Return the address `given`, or the value of the variable that it names, such as `${DATABASE_URL}`.

    Raises SettingsInvalid, without repeating the address: it may be a secret.
    """
    if named := _VARIABLE.fullmatch(given):
        if not environ.get(named[1]):
            raise _url_fault(f"the variable {named[1]} is {'empty' if named[1] in environ else 'not set'}")
        url = environ[named[1]]
        kind = read_url(url, "accounts.table.url").kind
        return DatabaseAddress(kind=kind, url=url, written=f"${{{named[1]}}}", variable=named[1])
    if ":" not in given and Path(given).is_file():
        given = f"sqlite:///{given}"
    read = read_url(given, "accounts.table.url")
    if not read.holds_secret:
        return DatabaseAddress(kind=read.kind, url=given, written=given)
    holding = [name for name, value in environ.items() if value == given and not name.startswith("KEYTURN_")]
    free = "ACCOUNTS_DATABASE_URL" if environ.get("DATABASE_URL") else "DATABASE_URL"
    variable = holding[0] if holding else free
    return DatabaseAddress(kind=read.kind, url=given, written=f"${{{variable}}}", variable=variable)


def likely_provider(environ: Mapping[str, str]) -> str:
    """Return the provider whose variables are set, else the first. Variables that other programs share do not count."""
    set_up = (name for name, one in PROVIDERS.items() if not one.shares_variables and is_in_environment(one, environ))
    return next(set_up, next(iter(PROVIDERS)))


def is_in_environment(provider: Provider[Any], environ: Mapping[str, str]) -> bool:
    """Tell whether all required variables of the provider are set."""
    return all(Variables(environ).has(need.variable) for need in provider.needs)


def faults_in(text: str, environ: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return the faults that `read_settings` would find in a file with this text, without overriding variables."""
    alone = {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) and name.removesuffix(FILE_SUFFIX) not in OTHER_NAMES
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / "keyturn.toml"
        file.write_text(text, "utf-8")
        return inspect_settings(file, alone, sending=False).faults


def store_fault(store: str) -> str:
    """Return the fault of a factory after importing it, without calling it; "" if it has none."""
    if store == "ldap":
        return (
            "init does not ask about a directory: write [accounts.ldap] as the page on LDAP in the documentation shows"
        )
    try:
        if store not in OWN_STORES:
            import_factory(store)
    except SettingsInvalid as invalid:
        return invalid.faults[0].message
    return ""


async def table_faults(url: str, table: TableSettings, hash_length: int) -> tuple[Fault, ...]:
    """Return the faults of the mapping in the live database. Raises AccountsUnready if it cannot be reached."""
    try:
        store = TableAccounts(table, AppDatabase(url), hash_length)
        try:
            await store.require_ready()
        finally:
            await store.close()
    except SettingsInvalid as invalid:
        return invalid.faults
    return ()


def _url_fault(message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault("accounts.table.url", message)])
