"""Accounts that are found by their address or by their user name."""

import pytest
from tests.contracts.accounts.messages import own_messages
from tests.contracts.accounts.table.app import Over
from tests.driver.app_database import App

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.store import TableAccounts

USERS = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(200), login VARCHAR(80), password_hash VARCHAR(80),"
    " is_active INTEGER DEFAULT 1)"
)
EITHER = {"identifiers": ("email", "login"), "active": "is_active"}


async def keep(app: App, *people: tuple[str, str | None]) -> None:
    await app.run(USERS)
    for number, (email, login) in enumerate(people, 1):
        statement = "INSERT INTO users (id, email, login, password_hash) VALUES (:id, :email, :login, '$2b$hash')"
        await app.run(statement, id=number, email=email, login=login)


async def found(accounts: TableAccounts, typed: str) -> str | None:
    account = await accounts.find(addresses.identify(typed, takes_names=True))
    return account.id if account else None


async def test_an_account_is_found_by_its_address_and_by_its_name_in_any_case_of_ascii(app: App, over: Over) -> None:
    await keep(app, ("ada@northwind.test", "Ada.L "), ("zoe@northwind.test", "zo\u00eb"), ("dan@northwind.test", None))
    accounts = over(**EITHER)
    assert accounts.takes_names

    for typed in ("ada@northwind.test", "ADA@northwind.test", "ada.l", " ADA.L ", "Ada.L"):
        assert await found(accounts, typed) == "1", typed
    for typed in ("zo\u00eb", "ZO\u00eb", "zoe\u0308"):
        assert await found(accounts, typed) == "2", typed
    for typed in ("zoe", "ZO\u00cb", "ada", "ada.l@northwind.test", "nobody", "%", "ada_l", "xn--a", "None"):
        assert await found(accounts, typed) is None, typed


async def test_a_name_that_looks_like_an_address_finds_nobody_and_takes_nothing_from_its_owner(
    app: App, over: Over
) -> None:
    await keep(app, ("eve@northwind.test", "ada@northwind.test"), ("ada@northwind.test", "ada"), ("bob", "bob"))
    accounts = over(**EITHER)

    assert await found(accounts, "ada@northwind.test") == "2"
    assert await found(accounts, "ada") == "2"
    assert await found(accounts, "bob") is None, "no mail reaches an account without an address"
    await app.run("DELETE FROM users WHERE id = 2")
    assert await found(accounts, "ada@northwind.test") is None


async def test_of_names_that_differ_in_case_the_one_that_was_written_is_meant_and_else_none(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    await keep(app, ("ada@northwind.test", "Ada"), ("eve@northwind.test", "ada"), ("joe@northwind.test", "ada "))
    accounts = over(**EITHER)

    assert await found(accounts, "Ada") == "1"
    assert await found(accounts, "ada") == "2"
    assert not caplog.messages
    assert await found(accounts, "ADA") is None
    assert own_messages(caplog) == ["accounts.ambiguous accounts=1, 2, 3"]

    await app.run("UPDATE users SET is_active = 0 WHERE id > 1")
    assert await found(accounts, "ADA") == "1", "closed accounts do not count"


async def test_addresses_and_names_are_found_together(app: App, over: Over) -> None:
    await keep(app, ("ada@northwind.test", "ada"), ("bob@northwind.test", "bob"))
    accounts = over(**EITHER)

    together = await accounts.find_all(["bob", "nobody", "ada@northwind.test", "ada"])
    assert [one.id if isinstance(one, Account) else one for one in together] == ["2", None, "1", "1"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("logni", "the table users has no column logni; did you mean login?"),
        ("is_active", "the column is_active must contain text, but is INTEGER"),
        ("password_hash", "the column password_hash is also the one of password: choose another"),
    ],
)
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_wrong_column_of_names_is_refused_by_its_setting(
    app: App, over: Over, column: str, message: str
) -> None:
    await keep(app)
    with pytest.raises(SettingsInvalid) as refused:
        await over(identifiers=("email", column)).require_ready()
    assert refused.value.faults == (Fault("accounts.table.identifiers", message),)
