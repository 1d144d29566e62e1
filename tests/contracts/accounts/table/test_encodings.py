"""Addresses and texts that a column, or its database, cannot hold."""

import asyncio

import pytest
from tests.contracts.accounts.stores import own_messages
from tests.contracts.accounts.table.conftest import NEW, USERS, Over, one
from tests.driver.app_database import App
from tests.driver.statements import statements_sent

from keyturn.service.accounts.port import Account

CYRILLIC, EMOJI = "\u0430\u0434\u0430@northwind.test", "\U0001f600@northwind.test"

on_mariadb = pytest.mark.parametrize("databases", ["mariadb"], indirect=True)


async def ids_found(over: Over, *emails: str) -> list[str | None]:
    accounts = over()
    found = await asyncio.gather(*map(accounts.find, emails))
    return [account.id if account else None for account in found]


@on_mariadb
@pytest.mark.parametrize("charset", ["utf8mb3", "latin1", "ascii"])
async def test_address_outside_of_a_column(
    app: App, over: Over, charset: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An address that a column cannot hold is no account's, and the others of its batch are
    answered.
    """
    await app.run(USERS.replace("VARCHAR(99)", f"VARCHAR(99) CHARACTER SET {charset}"))
    await app.run(
        "INSERT INTO users VALUES (1, 'ada@northwind.test', 'x', ''), (2, 'bea@northwind.test', "
        "'x', '')"
    )

    asked = ("ada@northwind.test", EMOJI, CYRILLIC, "bea@northwind.test", "nobody@northwind.test")
    assert await ids_found(over, *asked) == ["1", None, None, "2", None]
    assert own_messages(caplog) == []


@on_mariadb
async def test_columns_stay_known(app: App, over: Over) -> None:
    """An address that a column cannot hold lets the columns be read no second time."""
    await app.run(USERS.replace("VARCHAR(99)", "VARCHAR(99) CHARACTER SET latin1"))
    accounts = over()
    await accounts.find(CYRILLIC)
    with statements_sent() as statements:
        await accounts.find(CYRILLIC)

    assert [one for one in statements if "FROM `users`" not in one] == []


@pytest.mark.parametrize("databases", ["latin1"], indirect=True)
async def test_address_outside_of_a_database(app: App, over: Over) -> None:
    """An address that PostgreSQL's encoding does not have is no account's, and its batch is
    answered.
    """
    await app.run(USERS)
    await app.run(
        "INSERT INTO users VALUES (1, 'ada@northwind.test', 'x', ''), (2, "
        "'zo\u00eb@northwind.test', 'x', '')"
    )

    asked = ("ada@northwind.test", CYRILLIC, "zo\u00eb@northwind.test")
    assert await ids_found(over, *asked) == ["1", None, "2"]


RENE = "convert_from('\\x52656ee9', 'SQL_ASCII')"


@pytest.mark.parametrize("databases", ["sql_ascii"], indirect=True)
async def test_name_in_an_unknown_encoding(app: App, over: Over) -> None:
    """A stored name that is no UTF-8 is left out, and the account gets its mail all the same."""
    await app.run(USERS)
    await app.run(f"INSERT INTO users VALUES (1, 'rene@northwind.test', 'x', {RENE})")
    await app.run("INSERT INTO users VALUES (2, 'bea@northwind.test', 'x', 'Be\u00e4')")
    accounts = over(name="name")
    rene, bea = await accounts.find_all(["rene@northwind.test", "bea@northwind.test"])

    assert rene == Account(id="1", email="rene@northwind.test")
    assert bea == Account(id="2", email="bea@northwind.test", name="Be\u00e4")
    assert await accounts.get("1") == rene
    assert await accounts.set_password(rene, NEW)


@on_mariadb
async def test_letter_that_only_one_column_has(app: App, over: Over) -> None:
    """An address that its own column holds is found, although the column of user names cannot hold
    it.
    """
    login = USERS.replace("name TEXT", "login VARCHAR(99) CHARACTER SET ascii")
    await app.run(login)
    await app.run("INSERT INTO users VALUES (1, :email, 'x', 'ada')", email=CYRILLIC)
    accounts = over(identifiers=("email", "login"))

    assert (await one(accounts, CYRILLIC)).id == "1"
    assert await accounts.find("\u0430\u0434\u0430") is None
