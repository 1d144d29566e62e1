"""Credentials of an app that survive a new password: the doctor names them, and says how to end them."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.databases import SqliteFiles

from keyturn.doctor.accounts import check_credentials
from keyturn.settings import Settings

pytestmark = pytest.mark.long

KEYS = """
[accounts]
store = "table"

[accounts.table]
table = "users"
"""


async def test_each_table_is_a_warning_with_its_fix() -> None:
    async def surviving(_: Settings) -> Mapping[str, str]:
        return {"passkeys": '"passkeys.user_id" = {what = "passkeys"}', "grants": ""}

    known, unknown = await check_credentials(Settings(), surviving)

    assert (known.check, known.verdict) == ("credentials", "warn")
    assert known.message == "passkeys: its rows may let an intruder in after a new password"
    assert known.mend == (
        'Add to [accounts.table.ends]: "passkeys.user_id" = {what = "passkeys"}. If your app ends them, set when ='
        ' "never" there.'
    )
    assert unknown.mend.startswith("Let your app end them when it gets the webhook account.secured. Then add a column")


def test_the_line_that_the_doctor_gives_silences_it(sqlite: SqliteFiles, tmp_path: Path) -> None:
    Path(sqlite.migrated().removeprefix("sqlite:///")).rename(tmp_path / "keyturn.db")
    with sqlite3.connect(tmp_path / "keyturn.db") as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        database.execute("CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER)")
        database.execute("CREATE TABLE oauth2_authorization (id INTEGER PRIMARY KEY, principal_name TEXT)")
    database.close()
    file = tmp_path / "keyturn.toml"
    base = 'environment = "development"\nsign_in_url = "https://app.example.org/login"\n'
    file.write_text(f'{base}[database]\nurl = "sqlite:///keyturn.db"\n[mail]\ntransport = "capture"\n{KEYS}', "utf-8")

    passkeys, grants = named(tmp_path)
    line = passkeys.removeprefix("Add to [accounts.table.ends]: ").partition(". If your app")[0]
    assert 'when = "never"' in grants
    with file.open("a", encoding="utf-8") as more:
        more.write(f"\n[accounts.table.ends]\n{line}\n'oauth2_authorization.principal_name' = {{ when = 'never' }}\n")

    assert named(tmp_path) == []


def test_rows_that_another_row_may_hold_are_a_warning(sqlite: SqliteFiles, tmp_path: Path) -> None:
    Path(sqlite.migrated().removeprefix("sqlite:///")).rename(tmp_path / "keyturn.db")
    with sqlite3.connect(tmp_path / "keyturn.db") as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
        database.execute("CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER)")
        database.execute("CREATE TABLE visits (session_id INTEGER REFERENCES sessions (id))")
    database.close()
    base = 'environment = "development"\nsign_in_url = "https://app.example.org/login"\n'
    own = '[database]\nurl = "sqlite:///keyturn.db"\n[mail]\ntransport = "capture"\n'
    (tmp_path / "keyturn.toml").write_text(f'{base}{own}{KEYS}delete = ["sessions.user_id"]\n', "utf-8")

    assert named(tmp_path, "accounts") == [
        "", "A reset fails where such rows exist. If there never are any, nothing has to be done."
    ]  # fmt: skip


def named(folder: Path, check: str = "credentials") -> list[str]:
    """Return the fixes of a check, by default of the credentials that survive; nothing else may fail."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYTURN_")}
    asked = [sys.executable, "-m", "keyturn", "doctor", "--json"]
    done = subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [one["fix"] for one in json.loads(done.stdout) if one["check"] == check]
