"""Credentials of an app that survive a new password: the doctor names them, and says how to end them."""

from pathlib import Path
from typing import Any

import pytest
from tests.driver.app_database import running_app

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor.accounts import check_accounts, check_credentials
from keyturn.service.settings import AccountSettings, Secret, Settings, TableSettings
from keyturn.service.settings.reading import read_settings

TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE ssh_keys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE oauth2_authorization (id INTEGER PRIMARY KEY, principal_name VARCHAR(60));"
    " CREATE TABLE api_keys (id INTEGER PRIMARY KEY, bearer_type VARCHAR(30), bearer_id INTEGER)"
)
ALL = {
    "passkeys": '"passkeys.user_id" = {what = "passkeys", when = "intrusion"}',
    "ssh_keys": '"ssh_keys.user_id" = {what = "ssh_keys", when = "intrusion"}',
    "api_keys": "",
    "oauth2_authorization": "",
}


def settings(url: str, lines: str = "", table: str = "users") -> Settings:
    """Return the settings of an app whose accounts are in that database, with further lines for its table."""
    Path("keyturn.toml").write_text(
        'environment = "development"\nsign_in_url = "https://app.example.org/login"\n[mail]\ntransport = "capture"\n'
        f'[accounts]\nstore = "table"\n[accounts.table]\ntable = "{table}"\nurl = "{url}"\n{lines}\n',
        "utf-8",
    )
    return read_settings(Path("keyturn.toml"), {})


def named(found: list[Finding]) -> dict[str, str]:
    """Return the tables that are named, with the lines that their fixes give; "" where one says what the app can do."""
    assert {(one.check, one.verdict) for one in found} <= {("credentials", "warn")}
    return {one.message.partition(":")[0]: line_in(one.fix) for one in found}


def line_in(fix: str) -> str:
    return fix.split("`")[1] if "`" in fix else ""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("databases", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_each_table_is_named_with_the_line_that_silences_it(empty_url: str) -> None:
    async with running_app(empty_url, TABLES):
        assert named(await check_credentials(settings(empty_url))) == ALL
        lines = "[accounts.table.ends]\n" + ALL["passkeys"]
        left_out = "\n'oauth2_authorization.principal_name' = {when = 'never'}\n'api_keys.bearer_id' = {when = 'never'}"
        in_part = settings(empty_url, f'delete = ["ssh_keys.user_id"]\n[accounts.table.ends]{left_out}')
        assert named(await check_credentials(in_part)) == {"passkeys": ALL["passkeys"]}
        assert named(await check_credentials(settings(empty_url, f"{lines}\n{ALL['ssh_keys']}{left_out}"))) == {}


async def test_what_your_app_ends_itself_is_told_with_its_webhook(empty_url: str) -> None:
    async with running_app(empty_url, TABLES):
        *_, grants = await check_credentials(settings(empty_url))

    assert "the webhook account.secured" in grants.fix
    assert 'when = "never"' in grants.fix


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_schema_may_be_written_or_not(empty_url: str) -> None:
    async with running_app(empty_url, TABLES):
        assert named(await check_credentials(settings(empty_url, table="public.users"))) == ALL


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_rows_that_another_row_may_hold_are_a_warning(empty_url: str) -> None:
    async with running_app(empty_url, TABLES + "; CREATE TABLE visits (session_id INTEGER REFERENCES sessions (id))"):
        _, held = await check_accounts(settings(empty_url, 'delete = ["sessions.user_id"]'))

    assert held.verdict == "warn"
    assert held.fix.endswith("A reset fails where such rows exist. If there never are any, nothing has to be done.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": Secret("sqlite:///no/such/file.db")},
        {"url": Secret("postgresql://app@127.0.0.1:1/app")},
        {"url": Secret("sqlite://nonsense")},
        {"table": ""},
    ],
)
async def test_what_cannot_be_read_names_nothing(wrong: dict[str, Any]) -> None:
    """The check of the accounts reports it."""
    table = TableSettings(**{"url": Secret("sqlite:///no.db"), "table": "users", **wrong})

    assert await check_credentials(Settings(accounts=AccountSettings(store="table", table=table))) == []
