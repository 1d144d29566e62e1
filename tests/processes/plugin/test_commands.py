"""`litestar keyturn ...`: the commands of the plugin in the app."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from litestar import Litestar
from litestar.cli.main import litestar_group
from tests.driver.elsewhere import Elsewhere
from tests.driver.inbox import token_in
from tests.driver.service import ADA, NEW_PASSWORD
from tests.processes.plugin.host import REQUEST, RESET, Host, keyturn_settings, litestar

from keyturn import Account
from keyturn.cli import COMMANDS
from keyturn.cli.litestar_commands import keyturn
from keyturn.service.database.migrations import migrate

pytestmark = pytest.mark.long

NOT_OF_AN_APP = {"demo", "health", "init", "probe", "serve"}


def run(app: Litestar, *arguments: str) -> Result:
    return litestar(app, "keyturn", *arguments)


@pytest.fixture
async def host(empty_url: str) -> AsyncIterator[Host]:
    host = Host(empty_url)
    yield host
    await host.alchemy.get_engine().dispose()


async def test_the_commands_work_on_what_the_plugin_was_given(host: Host) -> None:
    """Each is a process with an event loop of its own, and leaves nothing of the app's pool to the next."""

    async def command(*arguments: str) -> Result:
        return await asyncio.to_thread(run, host.app, *arguments)

    early = await command("outbox", "list")
    assert early.exit_code == 1
    assert early.stderr.endswith("does not have Keyturn's tables yet: run `litestar keyturn migrate`\n")
    assert early.stderr.count("\n") == 1
    assert (await command("migrate")).stdout.startswith("Updated the database from revision none to")
    assert "already" in (await command("migrate")).stdout

    async with host.running(), host.client() as client:
        await host.add(full_name="Ada")
        await client.post(REQUEST, json={"email": ADA})
    found = await command("accounts", "find", ADA, "--json")
    assert json.loads(found.stdout)["name"] == "Ada"
    unlocked = await command("accounts", "unlock", ADA)
    assert "with the store table, set `accounts.table.lock` and `accounts.table.unlock`\n" in unlocked.stderr
    (waiting,) = json.loads((await command("outbox", "list", "--json")).stdout)
    assert waiting["for"] == ADA
    verdicts = {one["check"]: one["verdict"] for one in json.loads((await command("doctor", "--json")).stdout)}
    assert (verdicts["database"], verdicts["accounts"]) == ("ok", "ok")
    assert "Northwind School" in (await command("render", "password_reset", "--format", "text")).stdout


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_store_of_the_apps_own_is_asked_and_not_written_to(empty_url: str) -> None:
    store = Elsewhere(Account(id="7", email=ADA, name="Ada"))
    host = Host(empty_url, accounts=store)
    await migrate(host.parts.database)
    async with host.running(), host.client() as client:
        await client.post(REQUEST, json={"email": ADA})
        await host.parts.worker.drain()
        token = token_in(host.inbox.sent_to(ADA, "password_reset")[0])
        assert (await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})).status_code == 200
        assert store.passwords == {"7": NEW_PASSWORD}
        assert (await client.get("/account/login")).json() == {"the app says": "404"}

    theirs = await asyncio.to_thread(run, host.app, "accounts", "list")
    assert (
        "keyturn: the accounts are in the store tests.driver.elsewhere:Elsewhere; only accounts of the built-in"
        in theirs.stderr
    )
    doctor = await asyncio.to_thread(run, host.app, "doctor")
    assert "the store tests.driver.elsewhere:Elsewhere matches the settings" in doctor.stdout
    assert "there is no keyturn.toml" not in doctor.stdout


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_hint_names_the_command_and_the_database_as_the_app_has_them(host: Host) -> None:
    """`keyturn migrate` would make another database than the app's."""
    missing = json.loads((await asyncio.to_thread(run, host.app, "doctor", "--json")).stdout)
    assert not [one for one in missing if "`keyturn " in one["fix"] or "database.url" in one["fix"]]
    assert "Do not run `litestar keyturn migrate`, which would create an empty file." in next(
        one["fix"] for one in missing if one["check"] == "database"
    )
    await migrate(host.parts.database)
    listed = await asyncio.to_thread(run, host.app, "accounts", "list")
    assert listed.stderr == (
        "keyturn: the accounts are in the store table; only accounts of the built-in store can be listed."
        " Show a single account with `litestar keyturn accounts find EMAIL`\n"
    )
    added = await asyncio.to_thread(run, host.app, "accounts", "add", ADA)
    assert "Add it in your app, then run `litestar keyturn accounts invite EMAIL`" in added.stderr


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_commands_that_need_no_plugin_are_left_out(databases: Any) -> None:
    host = Host(databases.empty(), settings=keyturn_settings())
    listed = run(host.app, "--help").stdout
    assert {name for name in COMMANDS if f"\n  {name} " not in listed} == NOT_OF_AN_APP
    page = (Path(__file__).parents[3] / "docs" / "plugin.md").read_text("utf-8")
    documented = page.partition("`litestar keyturn` has ")[2].partition(". They are")[0]
    assert set(re.findall(r"`([\w-]+)`", documented)) == set(COMMANDS) - NOT_OF_AN_APP
    refused = run(host.app, "serve")
    assert refused.exit_code == 2
    assert "No such command 'serve'" in refused.stderr


def test_litestar_finds_the_commands_by_their_entry_point_and_an_app_without_the_plugin_is_told_so() -> None:
    assert litestar_group.commands["keyturn"] is keyturn
    answer = run(Litestar(logging_config=None), "doctor")
    assert answer.exit_code == 1
    assert answer.stderr == (
        "keyturn: this app has no KeyturnPlugin: add one, or run the command without `litestar` to use keyturn.toml\n"
    )
