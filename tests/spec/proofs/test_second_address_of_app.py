"""Second addresses in a column of the app's: it has verified them, and Keyturn only reads them."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.spec.proofs.test_second_address import (
    CONFIRM,
    HOME,
    KEY,
    NO_COOLDOWN,
    ON,
    OTHER,
    OWN,
    SECURE,
    SERVICE_KEY,
    button,
    second_link,
    templates,
    trail,
    want,
)
from tests.spec.service import ADA, NEW_PASSWORD, PASSWORD, Service, hash_of, problem, running, settings_for
from tests.statements import statements_sent

from keyturn.database import now
from keyturn.settings import AccountSettings, HelpDeskSettings, Secret, TableSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
async def beside(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    file = tmp_path / "app.db"
    with sqlite3.connect(file) as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT, recovery_email TEXT)")
        rows = [(ADA, hash_of(PASSWORD), HOME), ("grace@northwind.test", hash_of(PASSWORD), None)]
        app.executemany("INSERT INTO users (email, password_hash, recovery_email) VALUES (?, ?, ?)", rows)
    app.close()
    table = TableSettings(url=Secret(f"sqlite:///{file}"), table="users", second_address="recovery_email")
    settings = settings_for(
        database_url,
        accounts=AccountSettings(store="table", table=table),
        second_address=ON,
        limits=NO_COOLDOWN,
        invitations=SERVICE_KEY,
        help_desk=HelpDeskSettings(enabled=True),
        sign_in_url="{base_url}/login",
    )
    async with running(settings) as service:
        yield service


def enter(service: Service, second: str | None) -> None:
    url = service.parts.settings.accounts.table.url
    with sqlite3.connect(str(url).removeprefix("sqlite:///")) as app:
        app.execute("UPDATE users SET recovery_email = ? WHERE email = ?", (second, ADA))
    app.close()


async def test_a_link_goes_there_and_each_mailbox_is_told(beside: Service) -> None:
    link = await second_link(beside)
    assert templates(beside, ADA) == ["second_address_changed"]
    assert problem(await beside.reset(link)) == "200"
    await beside.deliver()
    assert "password_changed" in templates(beside, ADA)
    assert "password_changed" in templates(beside, HOME)


@pytest.mark.parametrize("second", [None, "", "n/a", ADA, f" {ADA.upper()} "])
async def test_without_an_address_of_its_own_there_no_link_is_sent(beside: Service, second: str | None) -> None:
    enter(beside, second)
    assert problem(await want(beside)) == "202"
    assert beside.inbox.mails == []
    assert (await trail(beside))[-1] == "second_address_request no_second_address"


async def test_a_link_ends_once_the_app_has_another_address_there(beside: Service) -> None:
    link = await second_link(beside)
    enter(beside, OTHER)
    assert not await beside.works(link)
    assert problem(await beside.reset(link)) == "400 link-dead"
    assert await second_link(beside, OTHER)


async def test_a_link_ends_if_its_mailbox_is_blocked(beside: Service) -> None:
    link = await second_link(beside)
    await beside.parts.records.transact(lambda tx: tx.mailboxes.block(HOME, now(), "help_desk"))
    assert not await beside.works(link)
    assert problem(await beside.reset(link)) == "400 link-dead"


async def test_a_block_while_the_password_is_checked_ends_the_link(
    beside: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, require = await second_link(beside), beside.parts.policy.require

    async def require_during_the_block(password: str, email: str) -> None:
        await require(password, email)
        await beside.parts.records.transact(lambda tx: tx.mailboxes.block(HOME, now(), "help_desk"))

    monkeypatch.setattr(beside.parts.policy, "require", require_during_the_block)
    assert problem(await beside.reset(link)) == "400 link-dead"


async def test_after_this_was_not_me_it_gets_no_link_until_there_is_a_new_password(beside: Service) -> None:
    await beside.reset(await beside.link(), "the thief was here")
    await beside.deliver()
    assert problem(await beside.anywhere().post(SECURE, json={"token": await button(beside)})) == "200"
    await beside.deliver()
    await want(beside)
    assert (await trail(beside))[-1] == "second_address_request no_second_address"

    recovery = beside.inbox.sent_to(ADA, "password_reset")[-1].text.partition("/reset-password/")[2][:43]
    assert problem(await beside.reset(recovery, NEW_PASSWORD)) == "200"
    await beside.deliver()
    assert await second_link(beside)


async def test_known_and_unknown_addresses_are_the_same_work(beside: Service) -> None:
    async def work(email: str) -> list[str]:
        await beside.anywhere().post("/api/auth/request-password-reset", json={"email": email, "to": "second"})
        with statements_sent() as statements:
            await beside.deliver()
        return statements

    assert await work("grace@northwind.test") == await work("nobody@northwind.test")


async def test_it_is_added_and_removed_in_the_app_alone(beside: Service) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"email": ADA, "secondAddress": OTHER}
    answers: list[httpx.Response] = [
        await beside.anywhere().post(OWN, json=body, headers=headers),
        await beside.anywhere().post(CONFIRM, json={"token": "x" * 43}),
        await beside.anywhere().get("/security-settings/second-address"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert (await beside.anywhere().get("/api/auth/texts?lang=en")).json()["secondAddresses"]
    assert 'name="to"' in (await beside.anywhere().get("/forgot-password", headers={"accept": "text/html"})).text


async def test_a_column_that_is_not_there_is_named(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(tmp_path / "app.db") as app:
        app.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password_hash TEXT)")
    app.close()
    table = TableSettings(url=Secret(f"sqlite:///{tmp_path / 'app.db'}"), table="users", second_address="recovery")
    settings = settings_for(database_url, accounts=AccountSettings(store="table", table=table), second_address=ON)
    with pytest.raises(AssertionError, match="did not start"):
        async with running(settings):
            pass
    assert "accounts.table.second_address: the table users has no column recovery" in caplog.text


async def test_each_address_that_is_reported_as_hijacked_may_be_one(beside: Service) -> None:
    assert await beside.parts.records.second_addresses.is_one("anyone@home.test")
