"""Databases of apps that have accounts already, and a person who answers the questions of `init`."""

import io
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.cli.command import Ended

from keyturn.cli import main

READY = {"KEYTURN_SECRET_KEY": "0123456789abcdef0123456789abcdef", "RESEND_API_KEY": "re_test"}
"""The secrets that the settings of `init` need to be read."""

BCRYPT = "$2y$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"

NODE_APP = """
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, "passwordHash" VARCHAR(255), "fullName" TEXT, role TEXT,
  "deletedAt" DATETIME, "mustChangePassword" BOOLEAN NOT NULL DEFAULT 0, "passwordChangedAt" DATETIME
);
CREATE TABLE sessions (sid TEXT PRIMARY KEY, user_id INTEGER REFERENCES users(id));
CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id));
INSERT INTO users (email) VALUES ('grace@northwind.example');
INSERT INTO users (email, "passwordHash") VALUES
  ('ada@northwind.example', '$2y$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
"""

TEXTS = (
    "--base-url",
    "https://account.example.org",
    "--brand",
    "Northwind School",
    "--from",
    "Northwind School <no-reply@northwind.example>",
    "--sign-in-url",
    "https://app.example.org/login",
)
"""All that can only be asked."""


def sqlite_app(script: str = NODE_APP, name: str = "app.db") -> str:
    """Make a database in the working directory, and return its address."""
    with sqlite3.connect(name) as database:
        database.executescript(script)
    database.close()
    return f"sqlite:///{name}"


class Terminal(io.StringIO):
    """Somebody at a terminal, with these answers; after the last one Ctrl-D is pressed, or Ctrl-C."""

    def __init__(self, answers: Sequence[str], *, interrupting: bool) -> None:
        super().__init__("".join(f"{answer}\n" for answer in answers))
        self._interrupting = interrupting

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # typeshed has bytes for its parent
        line = super().readline(size or -1)
        if not line and self._interrupting:
            raise KeyboardInterrupt
        return line


class Person:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def answers(self, *answers: str, flags: Sequence[str] = (), interrupting: bool = False) -> Ended:
        """Run `keyturn init` at a terminal."""
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["keyturn", "init", *flags])
            patch.setattr(sys, "stdin", Terminal(answers, interrupting=interrupting))
            code: object = 0
            try:
                main()
            except SystemExit as end:
                code = end.code
        assert isinstance(code, int)
        return Ended(code, *self._capsys.readouterr())


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}
