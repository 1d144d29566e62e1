"""What every store of accounts keeps to, kept by a table in a database of the app."""

from collections.abc import AsyncIterator

import pytest
from tests.contracts.accounts.table.app import AppPeople, mapping
from tests.driver.app_database import App, running_app

from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.table.store import table_accounts
from keyturn.service.database import Database
from keyturn.testing import AccountStoreContract, People


class TestTableInAnotherDatabase(AccountStoreContract):
    @pytest.fixture
    async def app(self, empty_url: str) -> AsyncIterator[App]:
        async with running_app(empty_url) as app:
            yield app

    @pytest.fixture
    async def store(self, app: App) -> AsyncIterator[AccountStore]:
        store = table_accounts(mapping(app.url), Database("sqlite://"))
        yield store
        await store.close()

    @pytest.fixture
    def people(self, app: App) -> People:
        return AppPeople(app)
