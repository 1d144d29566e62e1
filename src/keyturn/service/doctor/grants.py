"""The privileges that Keyturn's role lacks in the app's tables, as statements to copy."""

import re
from collections.abc import Iterable, Mapping

from keyturn.errors import Fault
from keyturn.service.settings import Ending, Settings, TableSettings
from keyturn.service.settings.building import member_name
from keyturn.service.settings.database_urls import read_url

_DENIED = re.compile(r"permission denied|command denied")
"""PostgreSQL's words for SQLSTATE 42501, and those of MySQL and MariaDB for 1142 and 1143."""
_SCHEMA = re.compile(r"denied for schema (\S+)")
_DATABASE = re.compile(r'permission denied for database "?([^"\s]+)')
_MYSQL_USER = re.compile(r"to user ('[^']*'@'[^']*')")


def grant_for(fault: Fault, settings: Settings) -> str:
    """Return the statement that gives the role the privileges for a refused trial statement.

    "" if no privilege is missing.
    """
    if not _DENIED.search(fault.message):
        return ""
    table = settings.accounts.table
    role = _Role(fault.message, settings)
    schema = _SCHEMA.search(fault.message)
    if schema:
        return role.given(f"USAGE ON SCHEMA {role.quoted(schema[1])}")
    setting = fault.name.removeprefix("accounts.table.")
    endings = _endings_of(setting, table)
    if endings:
        return " ".join(role.for_ending(entry, ending) for entry, ending in endings.items())
    # PostgreSQL names only the table that it refuses, for a SELECT and for an UPDATE alike. The
    # setting tells which privilege is missing.
    return role.for_accounts(table, reads=setting == "table")


def all_grants(message: str, settings: Settings) -> str:
    """Return the statements for a role that may not connect to a database, or describe a table.

    MySQL and MariaDB do not even describe a table that a user may not use. "" for another error.
    """
    role = _Role(message, settings)
    database = _DATABASE.search(message)
    if database:
        return role.given(f"CONNECT ON DATABASE {role.quoted(database[1])}")
    if "command denied" not in message:
        return ""
    table = settings.accounts.table
    grants = [role.for_accounts(table, reads=True)]
    for entry, ending in table.endings.items():
        if ending.when != "never":
            grants.append(role.for_ending(entry, ending))
    return " ".join(grants)


class _Role:
    """Writes statements for the database's user, in the dialect of the database."""

    def __init__(self, message: str, settings: Settings) -> None:
        address = settings.accounts.table.url or settings.database.url
        url = read_url(address, "accounts.table.url").url
        self._preparer = url.get_dialect()().identifier_preparer
        user = _MYSQL_USER.search(message)
        if user:
            self._name = user[1]
        else:
            self._name = self.quoted(url.username) if url.username else "the_role"

    def given(self, rights: str) -> str:
        return f"GRANT {rights} TO {self._name};"

    def for_accounts(self, table: TableSettings, *, reads: bool) -> str:
        written = [*table.set, *table.lock, *table.unlock]
        if table.password:
            written.insert(0, table.password)
        columns = self._listed(dict.fromkeys(written))
        rights = f"UPDATE ({columns}) ON {self._table(table.table)}"
        return self.given(f"SELECT, {rights}" if reads else rights)

    def for_ending(self, entry: str, ending: Ending) -> str:
        name, _, owner = entry.rpartition(".")
        read = self._listed(dict.fromkeys([owner, *ending.where, *ending.set]))
        change = f"UPDATE ({self._listed(ending.set)})" if ending.set else "DELETE"
        return self.given(f"SELECT ({read}), {change} ON {self._table(name)}")

    def quoted(self, name: str) -> str:
        return self._preparer.quote(name)

    def _table(self, name: str) -> str:
        return ".".join(map(self.quoted, name.split(".")))

    def _listed(self, columns: Iterable[str]) -> str:
        return ", ".join(map(self.quoted, columns))


def _endings_of(setting: str, table: TableSettings) -> Mapping[str, Ending]:
    """Return the entries of the settings `delete` or `ends` that a fault is about."""
    if setting == "delete":
        return dict.fromkeys(table.delete, Ending())
    for entry, ending in table.ends.items():
        if setting == member_name("ends", entry):
            return {entry: ending}
    return {}
