"""The users of the app, as it looks them up."""

import sqlite3
from contextlib import closing


def _found(query: str, value: object) -> sqlite3.Row | None:
    with closing(sqlite3.connect("instance/app.db", timeout=30)) as database:
        database.row_factory = sqlite3.Row
        found: sqlite3.Row | None = database.execute(query, [value]).fetchone()
        return found


def user_by_email(email: str) -> sqlite3.Row | None:
    return _found("SELECT * FROM user WHERE email = ?", email)


def user_by_id(user_id: int) -> sqlite3.Row | None:
    return _found("SELECT * FROM user WHERE id = ?", user_id)
