"""Somebody's app, which knows nothing of Keyturn but where its webhooks arrive: Flask, a users table, sessions."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import bcrypt
from flask import Flask, Response, jsonify, request
from standardwebhooks import Webhook

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

PASSWORD = "seven quiet harbours"
MONA = "Mona@Readers.test"


def set_up(file: Path) -> None:
    with _open(file) as database:
        database.executescript(SCHEMA)
        database.execute(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            ("7c9e6679-7425-40de-944b-e07fc1f90ae7", MONA, "Mona", MADE_BY_BCRYPTJS, True),
        )


def library(file: Path, webhook_secret: str, heard: list[str]) -> Flask:
    """Return the app. What its webhook is told, once the signature is verified, is added to `heard`."""
    app = Flask("library")

    @app.post("/login")
    def login() -> tuple[Response, int]:
        given = request.get_json()
        with _open(file) as database:
            row = database.execute(
                'SELECT id, "passwordHash" FROM users WHERE lower(email) = lower(?)', (given["email"],)
            ).fetchone()
            if row is None or not bcrypt.checkpw(given["password"].encode(), row[1].encode()):
                return jsonify(error="wrong"), 401
            session = secrets.token_hex(16)
            database.execute("INSERT INTO sessions VALUES (?, ?)", (session, row[0]))
        return jsonify(session=session), 200

    @app.get("/me")
    def me() -> tuple[Response, int]:
        with _open(file) as database:
            row = database.execute(
                "SELECT email, must_change_password FROM users JOIN sessions ON user_id = users.id"
                " WHERE sessions.id = ?",
                (request.args["session"],),
            ).fetchone()
        return (jsonify(email=row[0], must_change=bool(row[1])), 200) if row else (jsonify(error="nobody"), 401)

    @app.post("/hooks/keyturn")
    def told() -> tuple[str, int]:
        event = Webhook(webhook_secret).verify(request.get_data(as_text=True), dict(request.headers))
        heard.append(event["type"])
        return "", 204

    return app


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=30)) as database, database:
        yield database
