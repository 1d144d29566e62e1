"""Accounts that another system keeps, and the credentials of an app that survive a new password."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.commands.init.apps import execute
from tests.driver.app_database import running_app

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.doctor.accounts import check_accounts
from keyturn.service.doctor.credentials import check_credentials
from keyturn.service.settings import (
    AccountSettings,
    DatabaseSettings,
    Ending,
    HashingSettings,
    SecretStr,
    Settings,
    TableSettings,
)
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.slow


USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(190), password VARCHAR(190))"
ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
PHP = "$2y$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq"


@pytest.fixture
def app(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.execute(USERS)
    return f"sqlite:///{tmp_path / 'app.db'}"


async def create(url: str, statement: str) -> None:
    """Run a statement in a database that may not exist yet."""
    async with running_app(url, statement):
        pass


async def found_at(
    url: str, folder: Path, hashing: Mapping[str, Any] = {}, **columns: Any
) -> list[CheckResult]:
    table = TableSettings(url=SecretStr(url), table="users", **{"password": "password", **columns})
    accounts = AccountSettings(store="table", table=table)
    own = DatabaseSettings(url=SecretStr(f"sqlite:///{folder / 'keyturn.db'}"))
    return await check_accounts(
        Settings(accounts=accounts, database=own, hashing=HashingSettings(**hashing))
    )


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_user_who_may_not_read_the_accounts_is_told_as_that(
    empty_url: str, tmp_path: Path
) -> None:
    name = empty_url.partition("?")[0].rpartition("/")[2]
    await execute(empty_url, USERS, "CREATE ROLE reader LOGIN")
    for what, fix in (
        ("ALL ON users", "GRANT SELECT, UPDATE (password) ON users TO reader;"),
        (f"CONNECT ON DATABASE {name}", f"GRANT CONNECT ON DATABASE {name}"),
    ):
        await execute(empty_url, f"REVOKE {what} FROM PUBLIC")
        (found,) = await found_at(empty_url.replace("postgres:@", "reader@"), tmp_path)
        assert ("permission denied" in found.message, fix in found.fix) == (True, True)
    await execute(empty_url, "DROP ROLE reader")


@pytest.mark.parametrize("databases", ["postgresql", "mariadb"], indirect=True)
async def test_missing_privilege(empty_url: str, tmp_path: Path) -> None:
    """A missing privilege is fixed by the statement that doctor prints."""
    await execute(empty_url, USERS, "CREATE TABLE sessions (user_id INTEGER)")
    if empty_url.startswith("mysql"):
        url = empty_url.replace("root@", "ro@")
        await execute(
            empty_url,
            "CREATE OR REPLACE USER ro@localhost",
            "GRANT SELECT ON users TO ro@localhost",
        )
    else:
        url = empty_url.replace("postgres:@", "ro@")
        await execute(empty_url, "CREATE ROLE ro LOGIN", "GRANT SELECT ON users TO ro")
    columns = {"ends": {"sessions.user_id": Ending(what="sessions")}}
    refused = await found_at(url, tmp_path, **columns)
    assert {one.verdict for one in refused} == {"fail"}
    statements = []
    for one in refused:
        statements += re.findall("GRANT [^;]+", one.fix)
    rights = [statement.partition(" TO ")[0] for statement in statements]
    assert rights[-1] == "GRANT SELECT (user_id), DELETE ON sessions"
    assert "UPDATE (password) ON users" in rights[0]

    await execute(empty_url, *statements)
    (ready,) = await found_at(url, tmp_path, **columns)
    assert ready.verdict == "ok"
    end = (
        ["DROP USER ro@localhost"]
        if empty_url.startswith("mysql")
        else ["DROP OWNED BY ro", "DROP ROLE ro"]
    )
    await execute(empty_url, *end)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_row_level_security_is_told(empty_url: str, tmp_path: Path) -> None:
    role = (
        "CREATE ROLE hidden LOGIN",
        "GRANT ALL ON users TO hidden",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    )
    await execute(empty_url, USERS, *role)
    for policy, verdicts in (
        ("", ["fail", "fail"]),
        ("FOR SELECT USING (true)", ["fail"]),
        ("USING (email = 'ada@northwind.test')", ["warn", "warn"]),
        ("USING (true)", []),
    ):
        await execute(empty_url, *([f"CREATE POLICY one ON users {policy}"] if policy else []))
        ready, *hidden = await found_at(empty_url.replace("postgres:@", "hidden@"), tmp_path)
        await execute(empty_url, "DROP POLICY IF EXISTS one ON users")
        assert (ready.verdict, [one.verdict for one in hidden]) == ("ok", verdicts), policy
        assert all(
            "row level security" in one.message and "CREATE POLICY" in one.fix for one in hidden
        )
    await execute(empty_url, "DROP OWNED BY hidden", "DROP ROLE hidden")


BUT_BCRYPT = "but hashing.format writes bcrypt ($2b$)"


@pytest.mark.parametrize(
    ("stored", "hashing", "message", "fix"),
    [
        (
            ARGON2,
            {},
            f"hashes of argon2 (argon2id), {BUT_BCRYPT}",
            'Set hashing.format = "argon2id", or',
        ),
        (PHP, {}, f"hashes of bcrypt ($2y$), {BUT_BCRYPT}", 'Set hashing.format = "php", or'),
        (PHP, {"format": "php"}, "", ""),
    ],
)
async def test_a_known_format_that_the_app_may_not_read_is_a_warning_and_each_missing_column_fails(
    tmp_path: Path, app: str, stored: str, hashing: dict[str, Any], message: str, fix: str
) -> None:
    await execute(
        app, f"INSERT INTO users (email, password) VALUES ('ada@northwind.test', '{stored}')"
    )
    fine, *warned = await found_at(app, tmp_path, hashing)
    told = (
        [("warn", f"the table users has {message}, which your app may not read")] if message else []
    )

    assert (fine.verdict, fine.message) == ("ok", "the store table matches the settings")
    assert [(one.verdict, one.message) for one in warned] == told
    assert all(one.fix.startswith(fix) for one in warned)
    missing = await found_at(app, tmp_path, hashing, email="e_mail", name="full_name")
    named = [(one.verdict, one.message.partition(":")[0]) for one in missing]
    assert named == [("fail", "accounts.table.email"), ("fail", "accounts.table.name")]


MD5, ASP_NET = (
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "AQAAAAIAAYagAAAAEBRSSGuBGfUvVFvvOSbxVsCKp4nTdSKrnLJ3PvKY6bCFKWQ=",
)


@pytest.mark.parametrize(
    ("stored", "hashing", "what", "written"),
    [
        (MD5, {}, "does not know", "bcrypt ($2b$)"),
        (MD5, {"format": "argon2id"}, "does not know", "argon2id"),
        (ASP_NET, {}, "cannot write (ASP.NET Core Identity)", "bcrypt ($2b$)"),
    ],
)
async def test_foreign_hashes(
    tmp_path: Path, app: str, stored: str, hashing: dict[str, Any], what: str, written: str
) -> None:
    """Hashes that Keyturn does not know or cannot write are counted, with the
    format of new ones.
    """
    await execute(
        app,
        f"INSERT INTO users (email, password) VALUES ('a@x.test', '{stored}'), ('b@x.test', "
        f"'{PHP}')",
    )
    await execute(app, f"INSERT INTO users (email, password) VALUES ('c@x.test', '{stored}')")
    _, found = await found_at(app, tmp_path, hashing)

    counted = (
        f"2 of 3 hashes in the table users have a format that Keyturn {what}; new ones will "
        f"be {written}"
    )
    assert found.message == counted
    assert found.verdict == "warn"
    assert found.fix.startswith(
        f"Let your app verify {written}, too. Otherwise users cannot sign in"
    )


@pytest.mark.parametrize("column", ["salt", "password_salt", "passwordSalt", "pwd_pepper"])
async def test_salt_beside_hash(tmp_path: Path, app: str, column: str) -> None:
    """A column with salts is a warning that names it, unless each change sets it."""
    await execute(app, f"ALTER TABLE users ADD COLUMN {column} VARCHAR(40)")
    row = (
        f"INSERT INTO users (email, password, {column}) VALUES ('ada@northwind.test', "
        f"'{PHP}', {{}})"
    )
    await execute(app, row.format("NULL"))
    assert len(await found_at(app, tmp_path, {"format": "php"})) == 1

    await execute(app, row.format("'7f3a'"))
    _, found = await found_at(app, tmp_path, {"format": "php"})
    assert found.verdict == "warn"
    assert found.message.startswith(
        f"the table users has a column {column}, but Keyturn hashes only the password"
    )
    assert f'write {column} = "" into [accounts.table.set]' in found.fix
    assert len(await found_at(app, tmp_path, {"format": "php"}, set={column: ""})) == 1


NOT_MISSING = (
    'Correct it: a "not " may be missing, as in "not deleted_at". The others get no emails.'
)


@pytest.mark.parametrize("databases", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_nobody_is_active(empty_url: str, tmp_path: Path) -> None:
    """No active account is a failure, and few are a warning, with the numbers."""
    await create(empty_url, USERS.replace("(190))", "(190), deleted INTEGER)"))
    for number in range(30):
        await execute(
            empty_url, f"INSERT INTO users VALUES ({number}, '{number}@x.test', '{PHP}', NULL)"
        )
    table: dict[str, Any] = {"hashing": {"format": "php"}, "active": "deleted"}
    _, none = await found_at(empty_url, tmp_path, **table)
    assert none == CheckResult(
        "", "fail", "accounts.table.active: 0 of 30 accounts are active", NOT_MISSING
    )

    await execute(empty_url, "UPDATE users SET deleted = 1 WHERE id < 2")
    _, few = await found_at(empty_url, tmp_path, **table)
    assert few == CheckResult(
        "", "warn", "accounts.table.active: 2 of 30 accounts are active", NOT_MISSING
    )
    assert (
        len(await found_at(empty_url, tmp_path, hashing={"format": "php"}, active="not deleted"))
        == 1
    )


async def test_nobody_has_a_password(app: str, tmp_path: Path) -> None:
    """A column without any hash is a warning."""
    await execute(
        app,
        "INSERT INTO users (email, password) VALUES ('a@x.test', ''), ('b@x.test', '!'), "
        "('c@x.test', NULL)",
    )
    _, found = await found_at(app, tmp_path)

    assert found.verdict == "warn"
    assert found.message == "accounts.table.password: 0 of 3 accounts have a password hash"


@pytest.mark.parametrize("databases", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_everybody_signs_in_elsewhere(empty_url: str, tmp_path: Path) -> None:
    """A provider by which all accounts with a hash sign in elsewhere fails: a number is no
    provider.
    """
    await create(empty_url, USERS.replace("(190))", "(190), logintype INTEGER)"))
    row = "INSERT INTO users VALUES ({0}, '{0}@x.test', '{1}', {0})"
    await execute(empty_url, row.format(1, PHP), row.format(2, PHP), row.format(3, ""))
    _, found = await found_at(empty_url, tmp_path, {"format": "php"}, provider="logintype")

    assert found.verdict == "fail"
    assert found.message.startswith(
        "accounts.table.provider: by the column logintype (1, 2, 3), 2 of the 2 accounts"
    )

    await execute(empty_url, row.format(4, PHP), "ALTER TABLE users ADD COLUMN provider VARCHAR(9)")
    await execute(empty_url, "UPDATE users SET provider = 'google' WHERE id = 1")
    assert len(await found_at(empty_url, tmp_path, {"format": "php"}, provider="provider")) == 1


TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE remember_me (id INTEGER PRIMARY KEY, token VARCHAR(60));"
    " CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE ssh_keys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE oauth2_authorization (id INTEGER PRIMARY KEY, principal_name VARCHAR(60));"
    " CREATE TABLE api_keys (id INTEGER PRIMARY KEY, bearer_type VARCHAR(30), bearer_id INTEGER)"
)
ALL = {
    "sessions": '"sessions.user_id" = {what = "sessions"}',
    "remember_me": "",
    "passkeys": '"passkeys.user_id" = {what = "passkeys", when = "intrusion"}',
    "ssh_keys": '"ssh_keys.user_id" = {what = "ssh_keys", when = "intrusion"}',
    "api_keys": "",
    "oauth2_authorization": "",
}


def settings(url: str, lines: str = "", table: str = "users") -> Settings:
    """Return the settings of an app whose accounts are in that database, with further lines for its
    table.
    """
    Path("keyturn.toml").write_text(
        'environment = "development"\nsign_in_url = "https://app.example.org/login"\n[mail]\n'
        'transport = "capture"\n'
        f'[accounts]\nstore = "table"\n[accounts.table]\ntable = "{table}"\nurl = '
        f'"{url}"\n{lines}\n',
        "utf-8",
    )
    return read_settings(Path("keyturn.toml"), {})


def named(found: list[CheckResult]) -> dict[str, str]:
    """Return the tables that are named, with the lines that their fixes give; "" where one says
    what the app can do.
    """
    assert {one.verdict for one in found} <= {"warn"}
    assert all('when = "never"' in one.fix for one in found)
    assert all(line_in(one.fix) or "when it gets the webhook " in one.fix for one in found)
    return {one.message.partition(":")[0]: line_in(one.fix) for one in found}


def line_in(fix: str) -> str:
    return fix.split("`")[1] if "`" in fix else ""


@pytest.mark.parametrize("databases", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_each_table_is_named_with_the_line_that_silences_it_or_with_the_webhook(
    empty_url: str,
) -> None:
    async with running_app(empty_url, TABLES):
        assert named(await check_credentials(settings(empty_url))) == ALL
        if empty_url.startswith("postgresql"):  # where a schema may be written or not
            assert named(await check_credentials(settings(empty_url, table="public.users"))) == ALL
        ended = f"[accounts.table.ends]\n{ALL['sessions']}"
        left_out = """
            'remember_me.id' = {what = "sessions", when = 'never'}
            'oauth2_authorization.principal_name' = {when = 'never'}
            'api_keys.bearer_id' = {when = 'never'}"""
        in_part = settings(empty_url, f'delete = ["ssh_keys.user_id"]\n{ended}{left_out}')
        assert named(await check_credentials(in_part)) == {"passkeys": ALL["passkeys"]}
        all_named = settings(empty_url, f"{ended}\n{ALL['passkeys']}\n{ALL['ssh_keys']}{left_out}")
        assert named(await check_credentials(all_named)) == {}


async def test_sessions_that_go_on(app: str) -> None:
    """A table of sessions that no setting names is a warning, and contradicts an email about all
    devices.
    """
    await execute(
        app,
        "CREATE TABLE sessions (id INTEGER, user_id INTEGER)",
        "CREATE TABLE remember_me (id INTEGER)",
    )
    ends = '[accounts.table.ends]\n"sessions.user_id" = { what = "sessions" }'
    (found,) = await check_credentials(settings(app, f'password = "password"\n{ends}'))

    of_email = "although the email says that all devices are signed out"
    assert found.message == f"remember_me: its sessions go on after a new password, {of_email}"
    assert 'what = "sessions" and when = "never"' in found.fix
