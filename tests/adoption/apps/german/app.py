"""A Flask app whose tables and columns have German names, with argon2. `set-up` makes Mona's account."""

import os
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask, Response, jsonify, redirect, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

SCHEMA = """
CREATE TABLE benutzer (
  nr INTEGER PRIMARY KEY,
  login_mail TEXT NOT NULL UNIQUE,
  kennwort_hash TEXT NOT NULL,
  vorname TEXT NOT NULL,
  gesperrt INTEGER NOT NULL DEFAULT 0,
  muss_kennwort_aendern INTEGER NOT NULL DEFAULT 0,
  kennwort_geaendert_am TEXT
);
CREATE TABLE sitzungen (
  id TEXT PRIMARY KEY,
  benutzer_nr INTEGER NOT NULL REFERENCES benutzer (nr),
  sitzungs_token TEXT NOT NULL,
  begonnen_am TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE kurse (id INTEGER PRIMARY KEY, titel TEXT, leiter_nr INTEGER REFERENCES benutzer (nr));
"""
hasher = PasswordHasher()


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect("schule.db", timeout=30)) as opened, opened:
        opened.row_factory = sqlite3.Row
        yield opened


def set_up() -> None:
    row = (os.environ["EMAIL"], hasher.hash(os.environ["PASSWORD"]), "2026-01-02 03:04:05")
    with database() as opened:
        opened.executescript(SCHEMA)
        opened.execute("INSERT INTO benutzer VALUES (7, ?, ?, 'Mona', 0, 1, ?)", row)


def app() -> Flask:
    flask = Flask("app")

    @flask.post("/login")
    def login() -> tuple[Response, int]:
        with database() as opened:
            found = opened.execute(
                "SELECT * FROM benutzer WHERE lower(login_mail) = lower(?) AND NOT gesperrt", (request.form["email"],)
            ).fetchone()
            try:
                hasher.verify(found["kennwort_hash"], request.form["password"])
            except VerifyMismatchError:
                return jsonify(error="falsch"), 401
            token = secrets.token_hex(16)
            row = (secrets.token_hex(16), found["nr"], token)
            opened.execute("INSERT INTO sitzungen (id, benutzer_nr, sitzungs_token) VALUES (?, ?, ?)", row)
        answer = jsonify(name=found["vorname"])
        answer.set_cookie("sitzung", token, httponly=True)
        return answer, 200

    @flask.get("/me")
    def me() -> tuple[Response, int]:
        with database() as opened:
            found = opened.execute(
                "SELECT login_mail FROM benutzer JOIN sitzungen ON benutzer_nr = nr WHERE sitzungs_token = ?",
                (request.cookies.get("sitzung", ""),),
            ).fetchone()
        return (jsonify(email=found["login_mail"]), 200) if found else (jsonify(error="abgemeldet"), 401)

    @flask.get("/forgot")
    def forgot() -> AnyResponse:
        return redirect(os.environ["FORGOT"])

    return flask


if __name__ == "__main__":
    if sys.argv[1:] == ["set-up"]:
        set_up()
    else:
        server = make_server("127.0.0.1", int(os.environ["PORT"]), app(), threaded=True)
        sys.stderr.write("listening\n")
        server.serve_forever()
