"""An app's own database, as the app itself reads and writes it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import bcrypt
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.settings import Secret, TableSettings

Over = Callable[..., TableAccounts]
"""Makes a store over the table `users` of the app, from the settings that differ from the defaults."""


_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}

_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'Innodb_row_lock_current_waits'",
}

TABLES = {
    "sqlite": """
        CREATE TABLE "User" (id INTEGER PRIMARY KEY, "emailAddress" TEXT NOT NULL, "passwordHash" VARCHAR(20),
            "isActive" BOOLEAN NOT NULL DEFAULT 1, "mustChange" BOOLEAN NOT NULL DEFAULT 1, "changedAt" DATETIME);
        CREATE TABLE "Session" (id INTEGER PRIMARY KEY, "userId" INTEGER NOT NULL)""",
    "postgresql": """
        CREATE TABLE "User" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "emailAddress" varchar(254) NOT NULL,
            "passwordHash" char(72), "isActive" boolean NOT NULL DEFAULT true,
            "mustChange" boolean NOT NULL DEFAULT true, "changedAt" timestamptz);
        CREATE TABLE "Session" (id bigserial PRIMARY KEY, "userId" uuid NOT NULL REFERENCES "User" (id))""",
    "mysql": """
        CREATE TABLE "User" (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, "emailAddress" VARCHAR(191) NOT NULL,
            "passwordHash" VARCHAR(60), "isActive" BIT(1) NOT NULL DEFAULT 1,
            "mustChange" TINYINT(1) NOT NULL DEFAULT 1, "changedAt" TIMESTAMP NULL);
        CREATE TABLE "Session" (id INT AUTO_INCREMENT PRIMARY KEY, "userId" BIGINT UNSIGNED NOT NULL)""",
}
"""The same two tables three times: names with capitals, a reserved word, and what each database calls a flag."""


def mapping(url: str = "", **changes: Any) -> TableSettings:
    """Return the settings for those tables, with `changes`."""
    defaults: dict[str, Any] = {
        "url": Secret(url),
        "table": "User",
        "email": "emailAddress",
        "password": "passwordHash",
        "active": "isActive",
        "set": {"mustChange": False, "changedAt": "{now}"},
        "delete": ("Session.userId",),
    }
    return TableSettings(**defaults | changes)


class App:
    """Runs SQL; names stand in double quotes, also for MariaDB."""

    def __init__(self, url: str) -> None:
        self.dialect, _, rest = url.partition("://")
        self.url = url
        self._engine = create_async_engine(f"{_DRIVERS[self.dialect]}://{rest}")

    async def run(self, statements: str, **values: Any) -> list[Row[Any]]:
        """Commit them all, and return the rows of the last one. After a semicolon and a space another begins."""
        async with self._engine.begin() as connection:
            *before, last = re.split(r";\s", statements)
            for statement in before:
                await connection.execute(self._in_its_dialect(statement), values)
            result = await connection.execute(self._in_its_dialect(last), values)
            return list(result.all()) if result.returns_rows else []

    def _in_its_dialect(self, statement: str) -> TextClause:
        return text(statement.replace('"', "`") if self.dialect == "mysql" else statement)

    @asynccontextmanager
    async def holding(self, statement: str) -> AsyncIterator[AsyncConnection]:
        """Hold the locks of a statement, in a transaction that is rolled back."""
        async with self._engine.connect() as connection:
            await connection.execute(text(statement))
            yield connection

    async def wait_for_waiting(self, count: int) -> None:
        """Wait until so many transactions wait for a lock that another one holds."""
        async with asyncio.timeout(20):
            while int((await self.run(_WAITING[self.dialect]))[0][0]) < count:
                pass

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def running_app(url: str, tables: str = "") -> AsyncIterator[App]:
    app = App(url)
    await app.run(tables or TABLES[app.dialect])
    yield app
    await app.close()


async def hashed(text: str) -> str:
    return f"$2b${text}"


async def one(accounts: TableAccounts, email: str = "ada@northwind.test") -> Account:
    account = await accounts.find(email)
    assert account is not None
    return account


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

    async def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        id_ = self._key(account_id)
        if email is not None:
            await self._app.run('UPDATE "User" SET "emailAddress" = :email WHERE id = :id', email=email, id=id_)
        if active is not None:
            await self._app.run('UPDATE "User" SET "isActive" = :active WHERE id = :id', active=active, id=id_)

    async def verifies(self, account_id: str, password: str) -> bool:
        (row,) = await self._app.run('SELECT * FROM "User" WHERE id = :id', id=self._key(account_id))
        return bcrypt.checkpw(password.encode(), row.passwordHash.strip().encode())

    def _key(self, account_id: str) -> UUID | int:
        return UUID(account_id) if self._app.dialect == "postgresql" else int(account_id)
