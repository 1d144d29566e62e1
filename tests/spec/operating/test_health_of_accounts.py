"""Whether a process is ready while the app's database, where the accounts are, is down, frozen, or
slow.
"""

import asyncio
from collections.abc import Iterator

import pytest
from tests.driver.app_database import running_app
from tests.driver.elsewhere import Elsewhere
from tests.driver.service import problem, running, settings_for
from tests.driver.statements import statements_sent
from tests.servers.databases import ON_SQLITE, PostgresServer
from tests.servers.silent_proxy import silent_proxy

from keyturn import Settings

MAPPING = {
    "table": "User",
    "email": "emailAddress",
    "password": "passwordHash",
    "active": "isActive",
    "set": {"mustChange": False, "changedAt": "{now}"},
    "delete": ["Session.userId"],
}
MANY = 20

pytestmark = ON_SQLITE


@pytest.fixture
def app_url(postgresql: PostgresServer) -> Iterator[str]:
    url = postgresql.empty()
    yield url
    postgresql.drop(url)


def over(database_url: str, app_url: str) -> Settings:
    return settings_for(
        database_url, accounts={"store": "table", "table": {"url": app_url, **MAPPING}}
    )


@pytest.mark.long
async def test_while_the_accounts_database_is_frozen_it_is_live_and_not_ready(
    database_url: str, app_url: str
) -> None:
    async with (
        running_app(app_url),
        silent_proxy(app_url) as (url, proxy),
        running(over(database_url, url)) as service,
    ):
        client = service.anywhere()
        proxy.fall_silent()
        async with asyncio.timeout(20):
            refused = await client.get("/health/ready")
        assert problem(refused) == "503 unavailable"
        assert "postgres" not in refused.text.lower()
        assert (await client.get("/health/live")).status_code == 200
        proxy.speak_again()
        async with asyncio.timeout(30):
            while (await client.get("/health/ready")).status_code != 200:
                pass


class CountingStore(Elsewhere):
    """Counts how often it is asked whether it is ready, and answers while it is `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.begun, self.free = 0, asyncio.Event(), asyncio.Event()
        self.free.set()

    async def require_ready(self) -> None:
        self.asked += 1
        self.begun.set()
        await self.free.wait()


async def test_a_store_is_asked_once_for_many_clients_who_are_answered_while_it_hangs(
    database_url: str,
) -> None:
    store = CountingStore()
    async with running(settings_for(database_url), accounts=store) as service, asyncio.timeout(20):
        client = service.anywhere()
        store.asked = 0
        for _ in range(MANY):
            assert (await client.get("/health/ready")).status_code == 200
        assert store.asked == 1, "who asks again and again costs the store nothing"
        service.let_time_pass(seconds=5)
        store.asked = 0
        store.begun.clear()
        store.free.clear()
        waiting = asyncio.create_task(client.get("/health/ready"))
        await store.begun.wait()
        service.let_time_pass(seconds=5)
        for _ in range(MANY):
            assert problem(await client.get("/health/ready")) == "503 unavailable"
        assert store.asked == 1

        store.free.set()
        await waiting
        while (await client.get("/health/ready")).status_code != 200:
            pass


async def test_the_question_reads_no_row_and_leaves_the_table_as_known(
    database_url: str, app_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_app(app_url) as app, running(over(database_url, app_url)) as service:
        client = service.anywhere()
        await app.run('ALTER TABLE "User" ADD COLUMN more INTEGER')
        with statements_sent() as statements:
            assert (await client.get("/health/ready")).status_code == 200
        (question,) = [statement for statement in statements if "User" in statement]
        assert "WHERE" in question, "the table is not read"
        await app.run('ALTER TABLE "User" RENAME COLUMN "isActive" TO active')
        service.let_time_pass(seconds=2)
        assert problem(await client.get("/health/ready")) == "503 unavailable"
    assert "refused a statement" in caplog.text
