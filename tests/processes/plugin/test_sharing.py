"""The app's database as Keyturn's, and an app that is started twice, as a test suite does."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import ImproperlyConfiguredException
from sqlalchemy import Connection
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.inbox import token_in
from tests.driver.service import ADA, GRACE, NEW_PASSWORD, PASSWORD, hash_of
from tests.processes.plugin.host import REQUEST, RESET, TABLE, Host, keyturn_settings
from tests.servers.databases import ON_SQLITE, Databases

from keyturn import KeyturnPlugin, Settings
from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.database.migrations import migrate
from keyturn.service.settings import AccountSettings, DatabaseSettings, SecretStr, TableSettings

pytestmark = pytest.mark.long


@ON_SQLITE
async def test_on_sqlite_the_apps_connections_are_not_set_to_anything(host: Host) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("foreign_keys", "synchronous")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    ours, theirs = host.container.database, host.alchemy.get_engine()
    assert ours.url.database == theirs.url.database
    assert await ours.read(pragmas) == [1, 2]
    async with theirs.connect() as connection:
        assert await connection.run_sync(pragmas) == [0, 2]


def at(folder: Path, **more: Any) -> Settings:
    url = SecretStr(f"sqlite:///{folder}/keyturn.db")
    return msgspec.structs.replace(keyturn_settings(database=DatabaseSettings(url=url)), **more)


def routes(*plugins: KeyturnPlugin, path: str = "/") -> set[str]:
    return {
        route.path
        for route in Litestar(path=path, plugins=list(plugins), logging_config=None).routes
    }


def test_twice_in_one_app_is_refused_unless_each_has_a_path_and_that_of_the_app_counts_once(
    tmp_path: Path,
) -> None:
    with pytest.raises(ImproperlyConfiguredException, match="already registered"):
        routes(*(KeyturnPlugin(at(tmp_path), path="") for _ in range(2)))
    both = [KeyturnPlugin(at(tmp_path), path=path) for path in ("/staff", "/pupils")]
    assert {"/staff/login", "/pupils/login"} <= routes(*both)
    below = at(tmp_path, base_url="https://school.example.org/v1/account")
    for path in (None, "/account"):
        assert "/v1/account/login" in routes(KeyturnPlugin(below, path=path), path="/v1")
    beside = KeyturnPlugin(at(tmp_path, base_url="https://school.example.org/v1x/account"))
    with pytest.raises(SettingsInvalid, match="base_url: is not below /v1, the path of the app"):
        routes(beside, path="/v1")


@pytest.mark.parametrize(
    ("changes", "plugin", "told"),
    [
        (
            {"sign_in_url": "", "accounts": AccountSettings(store="table", table=TABLE)},
            {},
            {"sign_in_url"},
        ),
        ({}, {"pages": False}, {"reset_url", "forgot_url", "sign_in_url"}),
    ],
)
def test_an_app_says_where_its_people_go(
    changes: dict[str, Any], plugin: dict[str, Any], told: set[str]
) -> None:
    """The settings were read for the built-in accounts, of which Keyturn's own page is the only way
    in.
    """
    with pytest.raises(SettingsInvalid) as caught:
        KeyturnPlugin(keyturn_settings(**changes), **plugin)
    assert {fault.name for fault in caught.value.faults} == told


@ON_SQLITE
@pytest.mark.parametrize("store", ["builtin", "table", "table elsewhere"])
def test_an_app_starts_again(
    databases: Databases, store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The last store has people in a file of its own."""
    with closing(sqlite3.connect(tmp_path / "people.db")) as people, people:
        people.execute("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, password_hash TEXT)")
        people.executemany(
            "INSERT INTO users VALUES (?, ?, ?)", [(m, m, hash_of(PASSWORD)) for m in (ADA, GRACE)]
        )
    elsewhere = TableSettings(url=SecretStr(f"sqlite:///{tmp_path / 'people.db'}"), table="users")
    own = {"builtin": AccountSettings(), "table": None}
    accounts = own.get(store, AccountSettings(store="table", table=elsewhere))
    url = databases.empty()
    request.addfinalizer(lambda: databases.drop(url))
    host = Host(url, accounts=accounts)

    async def live(email: str) -> None:
        await migrate(host.container.database)
        async with host.running(), host.client() as client:
            if store == "table":
                await host.add(email)
            elif store == "builtin":
                await builtin_accounts(host.container).add(
                    Account(id="", email=email), hash_of(PASSWORD)
                )
            assert (await client.post(REQUEST, json={"email": email})).status_code == 202
            await host.container.worker.drain()
            (mail,) = host.inbox.sent_to(email, "password_reset")
            done = await client.post(
                RESET, json={"token": token_in(mail), "newPassword": NEW_PASSWORD}
            )
            assert done.status_code == 200, done.text

    asyncio.run(live(ADA))
    asyncio.run(live(GRACE))
