"""Databases of apps that have accounts already."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from keyturn.service.accounts.table.app_database import AppDatabase

READY = {"KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef", "RESEND_API_KEY": "re_test"}
"""The secrets that the settings of `init` need to be read."""

BCRYPT = "$2y$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"

NODE_APP = """
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, "passwordHash" VARCHAR(255),
  "fullName" TEXT, role TEXT, "deletedAt" DATETIME,
  "mustChangePassword" BOOLEAN NOT NULL DEFAULT 0, "passwordChangedAt" DATETIME
);
CREATE TABLE sessions (sid TEXT PRIMARY KEY, user_id INTEGER REFERENCES users(id));
CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id));
INSERT INTO users (email) VALUES ('grace@northwind.example');
INSERT INTO users (email, "passwordHash") VALUES
  ('ada@northwind.example', '$2y$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
"""

TEXTS = (
    *("--base-url", "https://account.example.org", "--brand", "Northwind School"),
    *(
        "--from",
        "Northwind School <no-reply@northwind.example>",
        "--sign-in-url",
        "https://app.example.org/login",
    ),
)
"""What no database shows."""


def sqlite_app(script: str = NODE_APP, name: str = "app.db") -> str:
    """Make a database in the working directory, and return its address."""
    with sqlite3.connect(name) as database:
        database.executescript(script)
    database.close()
    return f"sqlite:///{name}"


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def to_look_at(out: str) -> list[str]:
    return [line.removeprefix("  * ") for line in out.splitlines() if line.startswith("  * ")]


async def execute(url: str, *statements: str) -> None:
    place = AppDatabase(url)
    for statement in statements:
        await place.transact(partial(Connection.exec_driver_sql, statement=statement))
    await place.close()


def executed(url: str, script: str) -> None:
    asyncio.run(execute(url, *script.strip().rstrip(";").split(";\n")))
