"""A Flask app: its own users in SQLite and sign-in, the guide's sessions in cookies.

`set-up` makes Mona's account.
"""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, abort, g, jsonify, redirect, request, session
from users import user_by_email, user_by_id
from werkzeug import Response as Redirect
from werkzeug.security import check_password_hash, generate_password_hash

COLUMNS = (
    "id INTEGER PRIMARY KEY, email VARCHAR(120) UNIQUE, name VARCHAR(80), password_hash "
    "VARCHAR(256) NOT NULL"
)


def set_up() -> None:
    Path("instance").mkdir()
    row = (os.environ["EMAIL"], "Mona", generate_password_hash(os.environ["PASSWORD"]))
    with closing(sqlite3.connect("instance/app.db")) as database, database:
        database.execute(f"CREATE TABLE user ({COLUMNS})")
        database.execute("INSERT INTO user (email, name, password_hash) VALUES (?, ?, ?)", row)


def app() -> Flask:
    import password_sessions  # the guide's, beside this file once it is adopted

    flask = Flask("app")
    flask.secret_key = b"the app's own"  # as in Flask's quickstart

    @flask.before_request
    def load_user() -> None:
        user = user_by_id(session["user_id"]) if "user_id" in session else None
        g.user = user if user and password_sessions.is_current(user["password_hash"]) else None

    @flask.get("/me")
    def me() -> tuple[Response, int]:
        return (jsonify(email=g.user["email"]), 200) if g.user else (jsonify(error="nobody"), 401)

    @flask.post("/login")
    def sign_in() -> Redirect:
        user = user_by_email(request.form["email"])
        if user is None or not check_password_hash(user["password_hash"], request.form["password"]):
            abort(401)
        password_sessions.begin(user["id"], user["password_hash"])
        return redirect("/me")

    return flask


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        set_up()
    else:
        app().run(port=int(os.environ["PORT"]))
