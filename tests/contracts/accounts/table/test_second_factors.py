"""Second factors in an app's tables, where these are in MariaDB; `tests/spec/proofs` has the whole story."""

from uuid import UUID

import pytest
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
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
