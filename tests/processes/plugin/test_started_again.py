"""An app is started twice, as a test suite does: one app, and an event loop for each test."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.inbox import token_in
from tests.driver.service import ADA, GRACE, NEW_PASSWORD, PASSWORD, hash_of
from tests.processes.plugin.host import REQUEST, RESET, Host, keyturn_settings
from tests.servers.databases import Databases

from keyturn.service.accounts.port import Account
from keyturn.service.database.migrations import migrate
from keyturn.service.settings import AccountSettings, Secret, TableSettings

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.long]


@pytest.fixture
def elsewhere(tmp_path: Path) -> TableSettings:
    """Return people in a database of their own."""
    file = tmp_path / "people.db"
    with sqlite3.connect(file) as people:
        people.execute("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, password_hash TEXT)")
        people.executemany("INSERT INTO users VALUES (?, ?, ?)", [(m, m, hash_of(PASSWORD)) for m in (ADA, GRACE)])
    people.close()
    return TableSettings(url=Secret(f"sqlite:///{file}"), table="users")


@pytest.fixture(params=["builtin", "table", "table elsewhere"])
def plugin(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the plugin is told about the accounts, for each store."""
    match request.param:
        case "builtin":
            return {"accounts": None}
        case "table":
            return {}
        case _:
            accounts = AccountSettings(store="table", table=request.getfixturevalue("elsewhere"))
            return {"accounts": None, "settings": keyturn_settings(accounts=accounts)}


def test_an_app_is_started_again_with_any_store(
    databases: Databases, plugin: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    url = databases.empty()
    request.addfinalizer(lambda: databases.drop(url))
    host = Host(url, **plugin)

    async def live(email: str) -> None:
        await migrate(host.parts.database)
        async with host.running(), host.client() as client:
            if "accounts" not in plugin:
                await host.add(email)
            elif host.parts.settings.accounts.store == "builtin":
                await builtin_accounts(host.parts).add(Account(id="", email=email), hash_of(PASSWORD))
            assert (await client.post(REQUEST, json={"email": email})).status_code == 202
            await host.parts.worker.drain()
            (mail,) = host.inbox.sent_to(email, "password_reset")
            done = await client.post(RESET, json={"token": token_in(mail), "newPassword": NEW_PASSWORD})
            assert done.status_code == 200, done.text

    asyncio.run(live(ADA))
    asyncio.run(live(GRACE))
