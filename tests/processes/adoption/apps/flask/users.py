"""The users of the app, as it looks them up."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect("instance/app.db", timeout=30)) as database:
        database.row_factory = sqlite3.Row
        yield database


def user_by_email(email: str) -> sqlite3.Row | None:
    with _database() as database:
        found: sqlite3.Row | None = database.execute("SELECT * FROM user WHERE email = ?", (email,)).fetchone()
        return found


def user_by_id(user_id: int) -> sqlite3.Row | None:
    with _database() as database:
        found: sqlite3.Row | None = database.execute("SELECT * FROM user WHERE id = ?", (user_id,)).fetchone()
        return found
