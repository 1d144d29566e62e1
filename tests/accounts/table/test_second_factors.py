"""Second factors in an app's tables, where these are in MariaDB; `tests/spec/proofs` has the whole story."""

import logging
from uuid import UUID

import pytest
from tests.accounts.messages import own_messages
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.reset.proofs.second_step.app_factors import TableFactors
from keyturn.service.settings import SecondStepTableSettings, Secret, TableSettings

pytestmark = pytest.mark.parametrize("databases", ["mariadb"], indirect=True)

KEY = UUID("8b1c7a52-3c55-4d6e-9a0f-2d7c3f6b1e90")
ADA = Account(id=KEY.hex, email="ada@northwind.test")
USERS = (
    "CREATE TABLE users (id BINARY(16) PRIMARY KEY, email VARCHAR(99), password_hash TEXT, phone TEXT, totp TEXT); "
    "INSERT INTO users VALUES (unhex(:key), 'ada@northwind.test', '$2b$old', '+49 171 1', '')"
)


def stores(app: App) -> tuple[TableAccounts, TableFactors]:
    users = TableSettings(url=Secret(app.url), table="users")
    factors = TableFactors(Database("sqlite://"), None, SecondStepTableSettings(phone="phone", totp="totp"), users)
    return table_accounts(users, Database("sqlite://")), factors


async def test_they_are_found_by_an_id_of_bytes(app: App) -> None:
    await app.run(USERS.split("; ", maxsplit=1)[0])
    await app.run(USERS.split("; ")[1], key=KEY.hex)
    accounts, factors = stores(app)

    assert (await factors.find(ADA)).phone == "+49 171 1"
    assert await accounts.get(KEY.hex) == ADA
    await accounts.close()
    await factors.close()


async def test_a_database_that_has_gone_after_its_tables_were_read_cannot_be_reached_and_has_refused_nothing(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    await app.run(USERS.split("; ", maxsplit=1)[0])
    accounts, factors = stores(app)
    assert await accounts.get(KEY.hex) is None
    assert (await factors.find(ADA)).phone == ""
    others = "db = database() AND id <> connection_id()"
    for row in await app.run(f"SELECT id FROM information_schema.processlist WHERE {others}"):  # noqa: S608
        await app.run(f"KILL {row.id}")
    name = app.url.partition("?")[0].rpartition("/")[2]
    await app.run(f"DROP DATABASE {name}")

    with caplog.at_level(logging.ERROR):
        for asked in (accounts.get(KEY.hex), accounts.password_hash(KEY.hex), factors.find(ADA)):
            with pytest.raises(AccountsUnready, match=r"of the accounts cannot be reached: .*Unknown database"):
                await asked
    assert own_messages(caplog) == []
    await accounts.close()
    await factors.close()
    await app.run(f"CREATE DATABASE {name}")  # the test that made it will drop it
