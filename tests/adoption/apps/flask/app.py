"""A Flask app: its own users in SQLite, the guide's sign-in, sessions in cookies. `set-up` makes Mona's account."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, g, jsonify
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server

DATABASE = Path("instance/app.db")
SCHEMA = """
CREATE TABLE user (id INTEGER PRIMARY KEY, email VARCHAR(120) NOT NULL UNIQUE, name VARCHAR(80),
  password_hash VARCHAR(256) NOT NULL);
"""


def set_up() -> None:
    DATABASE.parent.mkdir()
    row = (os.environ["EMAIL"], "Mona", generate_password_hash(os.environ["PASSWORD"]))
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.executescript(SCHEMA)
        database.execute("INSERT INTO user (email, name, password_hash) VALUES (?, ?, ?)", row)


def app() -> Flask:
    from auth import auth

    flask = Flask("app")
    flask.secret_key = "the app's own"
    flask.register_blueprint(auth)

    @flask.get("/me")
    def me() -> tuple[Response, int]:
        return (jsonify(email=g.user["email"]), 200) if g.user else (jsonify(error="nobody"), 401)

    @flask.get("/login")
    def form() -> str:
        return "<form method=post>"

    @flask.get("/")
    def front() -> str:
        return "Hello"

    return flask


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        set_up()
    else:
        server = make_server("127.0.0.1", int(os.environ["PORT"]), app(), threaded=True)
        sys.stderr.write("listening\n")
        server.serve_forever()
