"""Which table has the accounts, and what its columns are: the schemas that frameworks make."""

import sqlite3
from pathlib import Path

import pytest

from keyturn.onboarding.guesses import clear_choice, guess, likely_tables
from keyturn.onboarding.survey import NotReached, Table, survey
from keyturn.settings import TableSettings

RAILS = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, encrypted_password TEXT, username TEXT, disabled_at DATETIME,
  reset_password_token TEXT, preferred_language TEXT, password_updated_at DATETIME, failed_attempts INTEGER);
CREATE TABLE active_sessions (id INTEGER PRIMARY KEY, user_id INTEGER);
CREATE TABLE comments (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id));
"""
LARAVEL = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, password TEXT, remember_token TEXT, active BOOLEAN,
  deleted_at DATETIME, must_change_password INTEGER, temp_password TEXT NOT NULL, temp_password_expires_at DATETIME);
CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id INTEGER);
CREATE TABLE password_reset_tokens (email TEXT PRIMARY KEY, token TEXT);
CREATE TABLE personal_access_tokens (id INTEGER PRIMARY KEY, user_id INTEGER);
"""
NEXT_AUTH = """
CREATE TABLE "Account" (id TEXT PRIMARY KEY, "userId" TEXT REFERENCES "User" (id), provider TEXT, refresh_token TEXT);
CREATE TABLE "User" (id TEXT PRIMARY KEY, email TEXT, "hashedPassword" TEXT, "displayName" TEXT, "accountType" TEXT,
  banned BOOLEAN, locale TEXT, "needsPasswordReset" BOOLEAN);
CREATE TABLE "Session" (id TEXT PRIMARY KEY, "userId" TEXT REFERENCES "User" (id));
"""
OLD_PHP = """
CREATE TABLE members (member_no INTEGER PRIMARY KEY, mail TEXT, passwd TEXT, lang TEXT, session_token TEXT NOT NULL,
  remember_me_token TEXT, api_token TEXT);
"""


async def tables_of(script: str, folder: Path) -> dict[str, Table]:
    with sqlite3.connect(folder / "app.db") as database:
        database.executescript(script)
    database.close()
    return (await survey(f"sqlite:///{folder / 'app.db'}")).tables


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (
            RAILS,
            TableSettings(
                table="users", password="encrypted_password", name="username", active="not disabled_at",
                locale="preferred_language", set={"reset_password_token": "{null}", "password_updated_at": "{now}"},
                delete=("active_sessions.user_id",),
            ),
        ),
        (
            LARAVEL,
            TableSettings(
                table="users", password="password", name="name", active="active",
                set={"remember_token": "{null}", "must_change_password": False, "temp_password_expires_at": "{null}"},
                delete=("sessions.user_id",),
            ),
        ),
        (
            NEXT_AUTH,
            TableSettings(
                table="User", password="hashedPassword", name="displayName", active="not banned", kind="accountType",
                locale="locale", set={"needsPasswordReset": False}, delete=("Session.userId",),
            ),
        ),
        (
            OLD_PHP,
            TableSettings(
                table="members", id="member_no", email="mail", password="passwd", locale="lang",
                set={"remember_me_token": "{null}"},
            ),
        ),
    ],
    ids=["rails", "laravel", "next-auth", "old php"],
)  # fmt: skip
async def test_the_tables_of_frameworks_are_found(tmp_path: Path, script: str, found: TableSettings) -> None:
    tables = await tables_of(script, tmp_path)

    assert guess(tables[clear_choice(likely_tables(tables))], tables) == found


async def test_the_usual_name_is_meant_where_others_have_an_address_and_a_password_too(tmp_path: Path) -> None:
    wifi = "CREATE TABLE guest_wifi (id INTEGER PRIMARY KEY, email TEXT, password TEXT);"
    tables = await tables_of(RAILS + wifi, tmp_path)

    assert likely_tables(tables) == ["users", "guest_wifi"]
    assert clear_choice(likely_tables(tables)) == "users"


async def test_of_several_usual_names_none_is_chosen(tmp_path: Path) -> None:
    tables = await tables_of(RAILS + OLD_PHP, tmp_path)

    assert likely_tables(tables) == ["users", "members"]
    assert clear_choice(likely_tables(tables)) == ""


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);",
        "CREATE TABLE users (email TEXT, password TEXT);",
        "CREATE TABLE keyturn_accounts (id TEXT PRIMARY KEY, email TEXT, password_hash TEXT);",
    ],
)
async def test_what_lacks_a_part_of_an_account_is_none(tmp_path: Path, script: str) -> None:
    assert likely_tables(await tables_of(script, tmp_path)) == []


async def test_a_table_without_passwords_may_do_where_they_are_elsewhere(tmp_path: Path) -> None:
    tables = await tables_of("CREATE TABLE profiles (id TEXT PRIMARY KEY, email TEXT);", tmp_path)

    assert likely_tables(tables, password=False) == ["profiles"]


@pytest.mark.parametrize(
    ("column", "active"),
    [
        (
            "status TEXT CHECK (status IN ('active', 'Suspended', 'it''s over', 'banned'))",
            "not status = Suspended | banned",
        ),
        ("\"accountStatus\" TEXT CHECK (\"accountStatus\" in ('open', 'closed'))", "not accountStatus = closed"),
        ("status TEXT CHECK (status IN ('new', 'banned') OR email = 'deleted')", "not status = banned"),
        ("status TEXT CHECK (status IN ('new', 'old'))", ""),
        ("status TEXT CHECK (length(status) > 3 OR status = 'banned')", ""),
        ("state TEXT, deleted_at DATETIME", "not deleted_at"),
        ("status INTEGER", ""),
    ],
)
async def test_a_status_is_told_by_the_values_that_its_table_lists(tmp_path: Path, column: str, active: str) -> None:
    tables = await tables_of(
        f"CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT, {column})", tmp_path
    )

    assert guess(tables["users"], tables).active == active


async def test_looking_changes_nothing_and_makes_nothing(tmp_path: Path) -> None:
    await tables_of(RAILS, tmp_path)
    before = (tmp_path / "app.db").read_bytes()
    await survey(f"sqlite:///{tmp_path / 'app.db'}")
    with pytest.raises(NotReached, match="No such file"):
        await survey(f"sqlite:///{tmp_path / 'other.db'}")

    assert (tmp_path / "app.db").read_bytes() == before
    assert not (tmp_path / "other.db").exists()
