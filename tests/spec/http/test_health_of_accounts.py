"""Whether a process is ready while the app's database, where the accounts are, is down, frozen, or slow."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.accounts.table.app import mapping, running_app
from tests.databases import PostgresServer
from tests.driver.service import problem, running, settings_for
from tests.silent_proxy import silent_proxy

from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.parts.accounts_readiness import AccountsReadiness
from keyturn.service.problems.requests import AccountsUnready

USERS = (
    'CREATE TABLE "User" (id INTEGER PRIMARY KEY, "emailAddress" VARCHAR(254), "passwordHash" VARCHAR(60),'
    ' "isActive" BOOLEAN, "mustChange" BOOLEAN, "changedAt" TIMESTAMP); CREATE TABLE "Session" ("userId" INTEGER)'
)
MANY = 20

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def app_url(postgresql: PostgresServer) -> Iterator[str]:
    url = postgresql.empty()
    yield url
    postgresql.drop(url)


@ON_SQLITE
@pytest.mark.long
async def test_while_the_accounts_database_is_frozen_it_is_live_and_not_ready(database_url: str, app_url: str) -> None:
    async with running_app(app_url, USERS), silent_proxy(app_url) as (url, proxy):
        settings = settings_for(database_url, accounts={"store": "table", "table": mapping(url)})
        async with running(settings) as service:
            client = service.anywhere()
            proxy.fall_silent()
            async with asyncio.timeout(8):
                refused = await client.get("/health/ready")
            assert problem(refused) == "503 unavailable"
            assert "postgres" not in refused.text.lower()
            assert (await client.get("/health/live")).status_code == 200

            proxy.speak_again()
            async with asyncio.timeout(30):
                while (await client.get("/health/ready")).status_code != 200:
                    pass


@ON_SQLITE
async def test_once_the_table_of_the_accounts_is_gone_it_is_not_ready(database_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    settings = settings_for(database_url, accounts={"store": "table", "table": mapping(url)})
    async with running_app(url) as app, running(settings) as service:
        await app.run('ALTER TABLE "User" RENAME TO "People"')

        assert problem(await service.anywhere().get("/health/ready")) == "503 unavailable"


class AppsOwnStore:
    """Counts how often it is asked, and answers while it is `free`."""

    def __init__(self) -> None:
        self.asked = 0
        self.free = asyncio.Event()
        self.free.set()

    async def require_ready(self) -> None:
        self.asked += 1
        await self.free.wait()


async def test_a_frozen_store_is_asked_once_and_every_client_is_answered_in_time() -> None:
    store = AppsOwnStore()
    readiness = AccountsReadiness(store, fresh=0, patience=0.2)  # type: ignore[arg-type]  # it only answers
    store.free.clear()
    async with asyncio.timeout(5):
        verdicts = await asyncio.gather(*(readiness.require() for _ in range(MANY)), return_exceptions=True)
        for _ in range(MANY):
            with pytest.raises(AccountsUnready, match="does not answer in time"):
                await readiness.require()
    assert (len(verdicts), {type(verdict) for verdict in verdicts}, store.asked) == (MANY, {AccountsUnready}, 1)

    store.free.set()
    await readiness.require()
    await readiness.close()


async def test_a_client_that_asks_again_and_again_costs_the_store_nothing() -> None:
    store = AppsOwnStore()
    readiness = AccountsReadiness(store)  # type: ignore[arg-type]  # it only answers
    for _ in range(MANY):
        await readiness.require()

    assert store.asked == 1


async def test_a_store_that_never_answers_is_given_up_and_asked_again() -> None:
    store = AppsOwnStore()
    readiness = AccountsReadiness(store, fresh=0, patience=5, longest=0.1)  # type: ignore[arg-type]
    store.free.clear()
    for _ in range(2):
        with pytest.raises(AccountsUnready, match="not ready: TimeoutError"):
            await readiness.require()

    assert store.asked == 2


async def test_the_question_reads_no_row_and_leaves_the_table_as_known(app_url: str) -> None:
    async with running_app(app_url, USERS) as app:
        accounts = TableAccounts(mapping(app_url), AppDatabase(app_url), 60)
        await accounts.require_ready()
        await app.run('ALTER TABLE "User" ADD COLUMN more INTEGER')
        await accounts.require_reachable()
        await app.run('ALTER TABLE "User" RENAME COLUMN "isActive" TO active')
        with pytest.raises(AccountsUnready, match="refused a statement"):
            await accounts.require_reachable()
        await accounts.close()
