"""A Supabase Auth on this machine as an app and an operator see it, and stores that ask it."""

import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseServer

from keyturn.service.accounts.supabase.admin_api import TIMEOUT
from keyturn.service.accounts.supabase.store import SupabaseAccounts, SupabaseWithTable
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.settings import (
    AccountSettings,
    Ending,
    SecretStr,
    SupabaseSettings,
    TableSettings,
)

ADA = "ada@northwind.example"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It is http here, and reading the machine's certificates takes longer than a test."""

OLD, NEW = "seven quiet harbours", "eight loud harbours"

Opened = Callable[..., SupabaseAccounts]


class Project:
    """`server` may be another for each test; the address stays."""

    def __init__(self) -> None:
        self.server = SupabaseServer()
        self.url = ""

    def account_settings(self) -> AccountSettings:
        key = SecretStr(self.server.service_role_key)
        return AccountSettings(
            store="supabase", supabase=SupabaseSettings(url=self.url, service_role_key=key)
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        bearer: str | None = None,
        new: bool = True,
        **content: Any,
    ) -> httpx2.Response:
        key = key or self.server.service_role_key
        headers = {"apikey": key, "authorization": f"Bearer {key}" if bearer is None else bearer}
        if new:
            headers["x-supabase-api-version"] = "2024-01-01"
        async with httpx2.AsyncClient(verify=NO_TLS) as client:
            return await client.request(
                method, f"{self.url}/auth/v1{path}", headers=headers, **content
            )

    async def sign_in(self, email: str, password: str) -> httpx2.Response:
        return await self._token("password", {"email": email, "password": password})

    async def refresh(self, refresh_token: str) -> httpx2.Response:
        return await self._token("refresh_token", {"refresh_token": refresh_token})

    async def _token(self, grant: str, fields: dict[str, str]) -> httpx2.Response:
        return await self.ask(
            "POST", f"/token?grant_type={grant}", key=self.server.anon_key, json=fields
        )


_TABLES = """
    CREATE TABLE people (
        id TEXT PRIMARY KEY, email TEXT, active BOOLEAN, provider TEXT, temporary BOOLEAN
    );
    CREATE TABLE sessions (user_id TEXT);
    CREATE TABLE passkeys (user_id TEXT);
"""


class Profiles:
    """A table of people in a `file`, which tests may take away; a change of the password clears a
    flag in it.
    """

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
        return SupabaseWithTable(
            TableSettings(url=SecretStr(url), **mapped | changes), AppDatabase(url), auth
        )

    def add(self, account_id: str, email: str, *, active: bool = True, provider: str = "") -> None:
        self._write(
            "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, true)",
            account_id,
            email,
            active,
            provider,
        )
        self._write("INSERT INTO sessions VALUES (?)", account_id)
        self._write("INSERT INTO passkeys VALUES (?)", account_id)

    def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None:
        if email is not None:
            self._write("UPDATE people SET email = ? WHERE id = ?", email, account_id)
        if active is not None:
            self._write("UPDATE people SET active = ? WHERE id = ?", active, account_id)

    def ids(self, table: str) -> list[str]:
        """Return whose rows are in the table `sessions` or `passkeys`, or whose password is
        `temporary`.
        """
        rows = "id FROM people WHERE temporary" if table == "temporary" else f"user_id FROM {table}"
        return [one for (one,) in self._write(f"SELECT {rows}")]

    def _write(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.file)) as database, database:
            return database.execute(statement, values).fetchall()


@pytest.fixture(scope="session")
def supabase_project() -> Iterator[Project]:
    project = Project()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await project.server(scope, receive, send)

    with serving(app) as project.url:
        yield project


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.server = SupabaseServer()
    return supabase_project


@pytest.fixture
async def opened(project: Project) -> AsyncIterator[Opened]:
    settings = SupabaseSettings(
        url=project.url, service_role_key=SecretStr(project.server.service_role_key)
    )
    async with AsyncExitStack() as stack:

        def open_store(patience: timedelta = TIMEOUT, **changes: Any) -> SupabaseAccounts:
            store = SupabaseAccounts(msgspec.structs.replace(settings, **changes), patience)
            stack.push_async_callback(store.close)
            return store

        yield open_store


@pytest.fixture
def accounts(opened: Opened) -> SupabaseAccounts:
    return opened()


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "people.db")
