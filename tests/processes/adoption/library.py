"""The database of an app that knows nothing of Keyturn: users, whose passwords Node has hashed, and sessions."""

import sqlite3
from contextlib import closing
from pathlib import Path

SCHEMA = """
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    display_name TEXT,
    "passwordHash" TEXT,
    must_change_password BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id)
);
"""

MADE_BY_BCRYPTJS = "$2a$10$qZxQrjwROv3Lqj3x/EblWe6kDgbmAvRLKYxdEoDKlIWlphGM0smlm"
"""`require("bcryptjs").hashSync("seven quiet harbours", 10)`, version 2.4.3 on Node 20."""


def set_up(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(SCHEMA)
        database.execute(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            ("7c9e6679-7425-40de-944b-e07fc1f90ae7", "Mona@Readers.test", "Mona", MADE_BY_BCRYPTJS, True),
        )
