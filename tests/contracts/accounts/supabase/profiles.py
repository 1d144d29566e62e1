"""A table of people in a file, with a flag that a change of the password clears."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from keyturn.service.accounts.supabase import SupabaseAccounts, SupabaseWithTable
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.settings import Ending, Secret, TableSettings

_TABLES = """
    CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, active BOOLEAN, provider TEXT, temporary BOOLEAN);
    CREATE TABLE sessions (user_id TEXT);
    CREATE TABLE passkeys (user_id TEXT);
"""


class Profiles:
    """`file`: that of the table, which the tests may take away."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.run(_TABLES)

    def run(self, script: str) -> None:
        with closing(sqlite3.connect(self.file)) as database:
            database.executescript(script)

    def store(self, auth: SupabaseAccounts, **changes: Any) -> SupabaseWithTable:
        mapped: dict[str, Any] = {
            "table": "people",
            "active": "active",
            "provider": "provider",
            "set": {"temporary": False},
            "delete": ("sessions.user_id",),
            "ends": {"passkeys.user_id": Ending(what="passkeys", when="intrusion")},
        }
        url = f"sqlite:///{self.file}"
        return SupabaseWithTable(TableSettings(url=Secret(url), **mapped | changes), AppDatabase(url), auth)

    def add(self, account_id: str, email: str, *, active: bool = True, provider: str = "") -> None:
        self._write("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, true)", account_id, email, active, provider)
        self._write("INSERT INTO sessions VALUES (?)", account_id)
        self._write("INSERT INTO passkeys VALUES (?)", account_id)

    def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        if email is not None:
            self._write("UPDATE people SET email = ? WHERE id = ?", email, account_id)
        if active is not None:
            self._write("UPDATE people SET active = ? WHERE id = ?", active, account_id)

    def ids(self, table: str) -> list[str]:
        """Return whose rows are in the table `sessions` or `passkeys`, or whose password is `temporary`."""
        rows = "id FROM people WHERE temporary" if table == "temporary" else f"user_id FROM {table}"
        return [one for (one,) in self._write(f"SELECT {rows}")]

    def _write(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.file)) as database, database:
            return database.execute(statement, values).fetchall()
