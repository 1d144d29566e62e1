"""A database of an app's on each of three engines, its people, and stores over its tables."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import bcrypt
import msgspec
import pytest
from tests.driver.app_database import App, running_app
from tests.servers.databases import PostgresServer, SqliteFiles
from tests.servers.mariadb import MariadbServer

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account, Ended, NewPassword
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.settings import HashingSettings, SecretStr, TableSettings

USERS = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash "
    "VARCHAR(60), name TEXT)"
)
ROW = "INSERT INTO users (id, email, password_hash) VALUES (1, 'ada@northwind.test', 'old')"

HASH = "$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"

Over = Callable[..., TableAccounts]
"""Makes a store over the table `users` of the app, from the settings that differ from the defaults.

Without a `url` the table is in Keyturn's own database.
"""


def mapping(url: str = "", **changes: Any) -> TableSettings:
    defaults: dict[str, Any] = {
        "url": SecretStr(url),
        "table": "User",
        "email": "emailAddress",
        "password": "passwordHash",
        "active": "isActive",
        "set": {"mustChange": False, "changedAt": "{now}"},
        "delete": ("Session.userId",),
    }
    return TableSettings(**defaults | changes)


async def hashed(text: str) -> str:
    return f"$2b${text}"


NEW = NewPassword("new", hashed)
"""A password that is hashed to "$2b$new"."""


async def faults(accounts: TableAccounts) -> list[str]:
    with pytest.raises(SettingsInvalid) as invalid:
        await accounts.require_ready()
    return [
        f"{fault.name.removeprefix('accounts.table.')}: {fault.message}"
        for fault in invalid.value.faults
    ]


async def doubts_of(accounts: TableAccounts) -> list[str]:
    return [finding.message for finding in await accounts.findings(HashingSettings())]


async def one(accounts: TableAccounts, email: str = "ada@northwind.test") -> Account:
    account = await accounts.find(email)
    assert account is not None
    return account


async def changes(accounts: TableAccounts, *, intruded: bool = False) -> bool | Ended:
    """Set Ada's new password, as a reset does after its look-up."""
    return await accounts.set_password(
        msgspec.structs.replace(await one(accounts), intruded=intruded), NEW
    )


class AppPeople:
    """The `People` of that app. Each is signed in somewhere."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        (row,) = await self._app.run(
            'INSERT INTO "User" ("emailAddress", "passwordHash", "isActive")'
            " VALUES (:email, :hash, :active) RETURNING id",
            email=email,
            hash=bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(),
            active=active,
        )
        await self._app.run('INSERT INTO "Session" ("userId") VALUES (:id)', id=row.id)
        return str(row.id)

    async def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None:
        id_ = self._key(account_id)
        if email is not None:
            await self._app.run(
                'UPDATE "User" SET "emailAddress" = :email WHERE id = :id', email=email, id=id_
            )
        if active is not None:
            await self._app.run(
                'UPDATE "User" SET "isActive" = :active WHERE id = :id', active=active, id=id_
            )

    async def verifies(self, account_id: str, password: str) -> bool:
        (row,) = await self._app.run(
            'SELECT * FROM "User" WHERE id = :id', id=self._key(account_id)
        )
        return bcrypt.checkpw(password.encode(), row.passwordHash.strip().encode())

    def _key(self, account_id: str) -> UUID | int:
        return UUID(account_id) if self._app.dialect == "postgresql" else int(account_id)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def databases(request: pytest.FixtureRequest) -> SqliteFiles | PostgresServer | MariadbServer:
    """Each engine in turn; `@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)`
    takes one.
    """
    chosen: SqliteFiles | PostgresServer | MariadbServer = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
async def app(empty_url: str) -> AsyncIterator[App]:
    async with running_app(empty_url, "SELECT 1") as app:
        yield app


@pytest.fixture
async def over(app: App) -> AsyncIterator[Over]:
    async with AsyncExitStack() as closing:

        def over(**settings: Any) -> TableAccounts:
            given = TableSettings(**{"url": SecretStr(app.url), "table": "users", **settings})
            database = Database("sqlite://" if given.url else app.url)
            store = table_accounts(given, database)
            closing.push_async_callback(store.close)
            closing.push_async_callback(database.close)
            return store

        yield over
