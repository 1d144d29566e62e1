"""An app's own database, as the app itself reads and writes it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
}

TABLES = {
    "sqlite": """
        CREATE TABLE "User" (id INTEGER PRIMARY KEY, "emailAddress" TEXT NOT NULL,
            "passwordHash" VARCHAR(20), "isActive" BOOLEAN NOT NULL DEFAULT 1,
            "mustChange" BOOLEAN NOT NULL DEFAULT 1, "changedAt" DATETIME);
        CREATE TABLE "Session" (id INTEGER PRIMARY KEY, "userId" INTEGER NOT NULL)""",
    "postgresql": """
        CREATE TABLE "User" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            "emailAddress" varchar(254) NOT NULL,
            "passwordHash" char(72), "isActive" boolean NOT NULL DEFAULT true,
            "mustChange" boolean NOT NULL DEFAULT true, "changedAt" timestamptz);
        CREATE TABLE "Session" (id bigserial PRIMARY KEY,
            "userId" uuid NOT NULL REFERENCES "User" (id))""",
    "mysql": """
        CREATE TABLE "User" (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
            "emailAddress" VARCHAR(191) NOT NULL,
            "passwordHash" VARCHAR(60), "isActive" BIT(1) NOT NULL DEFAULT 1,
            "mustChange" TINYINT(1) NOT NULL DEFAULT 1, "changedAt" TIMESTAMP NULL);
        CREATE TABLE "Session" (id INT AUTO_INCREMENT PRIMARY KEY,
            "userId" BIGINT UNSIGNED NOT NULL)""",
}
"""The same two tables three times: names with capitals, a reserved word, and what each database
calls a flag.
"""


class App:
    """Runs SQL; names stand in double quotes, also for MariaDB."""

    def __init__(self, url: str) -> None:
        self.dialect, _, rest = url.partition("://")
        self.url = url
        self._engine = create_async_engine(f"{_DRIVERS[self.dialect]}://{rest}")

    async def run(self, statements: str, **values: Any) -> list[Row[Any]]:
        """Commit them all, and return the rows of the last one.

        After a semicolon and a space another begins.
        """
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

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def running_app(url: str, tables: str = "") -> AsyncIterator[App]:
    app = App(url)
    await app.run(tables or TABLES[app.dialect])
    yield app
    await app.close()
