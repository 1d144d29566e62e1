"""The tables of credentials that survive a new password, whatever the settings end already."""

from typing import Any

import pytest
from tests.driver.app_database import running_app

from keyturn.service.doctor.accounts import surviving_credentials
from keyturn.service.settings import AccountSettings, Ending, Secret, Settings, TableSettings

TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash VARCHAR(60));"
    " CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE passkeys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE ssh_keys (id INTEGER PRIMARY KEY, user_id INTEGER);"
    " CREATE TABLE oauth2_authorization (id INTEGER PRIMARY KEY, principal_name VARCHAR(60));"
    " CREATE TABLE api_keys (id INTEGER PRIMARY KEY, bearer_type VARCHAR(30), bearer_id INTEGER)"
)
ALL = {
    "api_keys": "",
    "passkeys": '"passkeys.user_id" = {what = "passkeys", when = "intrusion"}',
    "ssh_keys": '"ssh_keys.user_id" = {what = "ssh_keys", when = "intrusion"}',
    "oauth2_authorization": "",
}


in_each_database = pytest.mark.parametrize("databases", ["sqlite", "postgresql", "mariadb"], indirect=True)


def settings(url: str, **table: Any) -> Settings:
    mapped = TableSettings(**{"url": Secret(url), "table": "users", **table})
    return Settings(accounts=AccountSettings(store="table", table=mapped))


@in_each_database
async def test_each_table_is_named_with_the_line_that_ends_it(empty_url: str) -> None:
    async with running_app(empty_url, TABLES):
        assert await surviving_credentials(settings(empty_url)) == ALL


@in_each_database
async def test_what_a_setting_ends_or_leaves_to_the_app_is_not_named(empty_url: str) -> None:
    ends = {
        "passkeys.user_id": Ending(when="intrusion"),
        "oauth2_authorization.principal_name": Ending(when="never"),
        "api_keys.bearer_id": Ending(when="never"),
    }
    async with running_app(empty_url, TABLES):
        assert await surviving_credentials(settings(empty_url, ends=ends, delete=("ssh_keys.user_id",))) == {}
        del ends["passkeys.user_id"]
        named = await surviving_credentials(settings(empty_url, ends=ends, delete=("ssh_keys.user_id",)))
        assert named == {"passkeys": ALL["passkeys"]}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_schema_may_be_written_or_not(empty_url: str) -> None:
    async with running_app(empty_url, TABLES):
        assert await surviving_credentials(settings(empty_url, table="public.users")) == ALL


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
    given = Settings(accounts=AccountSettings(store="table", table=table))

    assert await surviving_credentials(given) == {}
