"""Credentials of an app that survive a new password: the doctor names them, and says how to end them."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.databases import SqliteFiles

pytestmark = pytest.mark.long


def named(folder: Path, check: str = "credentials") -> list[str]:
    """Return the fixes of a check, by default of the credentials that survive; nothing else may fail."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYTURN_")}
    asked = [sys.executable, "-m", "keyturn", "doctor", "--json"]
    done = subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [one["fix"] for one in json.loads(done.stdout) if one["check"] == check]


@pytest.fixture
def app(sqlite: SqliteFiles, tmp_path: Path) -> Path:
    """Make a folder with the settings of an app, which has its accounts in the same file as Keyturn its tables."""
    Path(sqlite.migrated().removeprefix("sqlite:///")).rename(tmp_path / "keyturn.db")
    add_tables(tmp_path, "users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
    (tmp_path / "keyturn.toml").write_text(
        """
        environment = "development"
        sign_in_url = "https://app.example.org/login"
        [database]
        url = "sqlite:///keyturn.db"
        [mail]
        transport = "capture"
        [accounts]
        store = "table"
        [accounts.table]
        table = "users"
        """,
        "utf-8",
    )
    return tmp_path


def add_tables(folder: Path, *tables: str) -> None:
    with sqlite3.connect(folder / "keyturn.db") as database:
        for table in tables:
            database.execute(f"CREATE TABLE {table}")
    database.close()


def add_settings(folder: Path, toml: str) -> None:
    with (folder / "keyturn.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{toml}\n")


def test_the_line_that_the_doctor_gives_silences_it(app: Path) -> None:
    add_tables(
        app,
        "passkeys (id INTEGER PRIMARY KEY, user_id INTEGER)",
        "oauth2_authorization (id INTEGER PRIMARY KEY, principal_name TEXT)",
    )
    passkeys, grants = named(app)
    line = passkeys.split("`")[1]
    assert 'when = "never"' in grants

    add_settings(app, f"[accounts.table.ends]\n{line}\n'oauth2_authorization.principal_name' = {{ when = 'never' }}")
    assert named(app) == []


def test_rows_that_another_row_may_hold_are_a_warning(app: Path) -> None:
    add_tables(
        app,
        "sessions (id INTEGER PRIMARY KEY, user_id INTEGER)",
        "visits (session_id INTEGER REFERENCES sessions (id))",
    )
    add_settings(app, 'delete = ["sessions.user_id"]')

    _, held = named(app, "accounts")
    assert held.endswith("A reset fails where such rows exist. If there never are any, nothing has to be done.")
