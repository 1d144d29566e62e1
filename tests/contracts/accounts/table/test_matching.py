"""Whose address it is, and whose user name."""

import asyncio

import pytest
from tests.contracts.accounts.stores import own_messages
from tests.contracts.accounts.table.conftest import HASH, USERS, Over, doubts_of, faults, one
from tests.driver.app_database import App
from tests.driver.statements import statements_sent

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.store import TableAccounts

STORED = (
    "ADA@Northwind.Test   ",
    "gr\u00fc\u00dfe@B\u00fccher.test",
    "\u00c4rger@northwind.test",
    "jose\u0301@northwind.test",
    "ada.lovelace@northwind.test",
    "m\u0131ke@northwind.test",
    "z\u00f6e@northwind.test",
    "zoe@northwind.test",
    " blank@northwind.test",
)
WITH_NAMES = USERS.replace("name TEXT", "login VARCHAR(80), is_active INTEGER DEFAULT 1")
EITHER = {"identifiers": ("email", "login"), "active": "is_active"}


async def keep(app: App, *stored: str | None) -> None:
    await app.run(USERS)
    for number, email in enumerate(stored, 1):
        await app.run(
            "INSERT INTO users VALUES (:id, :email, :hashed, '')",
            id=number,
            email=email,
            hashed=HASH,
        )


async def enrol(app: App, *people: tuple[str, str | None]) -> None:
    await app.run(WITH_NAMES)
    for number, (email, login) in enumerate(people, 1):
        values = "(:id, :email, '$2b$hash', :login, 1)"
        await app.run(f"INSERT INTO users VALUES {values}", id=number, email=email, login=login)


async def test_an_address_is_found_however_it_was_written_down(app: App, over: Over) -> None:
    await keep(app, *STORED)
    accounts = over()
    for number, stored in enumerate(STORED, 1):
        found = await one(accounts, identifiers.parse_address(stored))
        assert (found.id, found.email) == (str(number), stored.strip())
        assert await accounts.get(str(number)) == found

    for typed in (
        "mike@northwind.test",
        "\u00e4rger@northwind.test",
        "ada@northwind.test.evil",
        "a%@northwind.test",
    ):
        assert await accounts.find(identifiers.parse_address(typed)) is None


@pytest.mark.long
async def test_many_who_are_looked_for_at_once_are_found_as_alone_in_few_statements(
    app: App, over: Over
) -> None:
    await keep(app, *STORED, *(f"person{number}@northwind.test" for number in range(60)))
    typed = [identifiers.parse_address(stored) for stored in STORED]
    typed += [
        f"{name}{number}@northwind.test" for number in range(60) for name in ("person", "nobody")
    ]
    accounts = over()
    alone = [await accounts.find(email) for email in typed]
    with statements_sent() as statements:
        together = await asyncio.gather(*map(accounts.find, typed))

    assert together == alone
    assert [one.id if one else None for one in together[: len(STORED)]] == [
        str(n + 1) for n in range(len(STORED))
    ]
    assert sum(one is None for one in together) == 60
    assert sum(statement.startswith("SELECT") for statement in statements) <= 4


async def test_later_rows_lock_nobody_out_of_a_mailbox(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    others = ("aDa@northwind.test", "ada@northwind.test", "ada@northwind.test ")
    await keep(
        app, *[f"{number}@northwind.test" for number in range(1, 9)], "Ada@northwind.test", *others
    )

    found = await one(over(), "ada@northwind.test")
    assert (found.id, found.email) == ("9", "Ada@northwind.test")
    assert own_messages(caplog) == ["accounts.ambiguous accounts=9, 10, 11, 12"]


async def test_who_left_and_came_back_is_found(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    await keep(
        app, "ada@northwind.test", "ADA@northwind.test", "eve@northwind.test", "Eve@northwind.test"
    )
    await app.run(
        "ALTER TABLE users ADD left_at INTEGER; UPDATE users SET left_at = 1 WHERE id <> 2"
    )
    accounts = over(active="not left_at")

    found = await one(accounts, "ada@northwind.test")
    assert (found.id, found.active) == ("2", True)
    left = await one(accounts, "eve@northwind.test")
    assert (left.id, left.active) == ("3", False)
    assert own_messages(caplog) == []
    assert await doubts_of(accounts) == []


async def test_where_ids_tell_no_age_small_letters_are_meant_or_else_always_the_same(
    app: App, over: Over
) -> None:
    await app.run(USERS.replace("INTEGER", "VARCHAR(9)"))
    await app.run(
        "INSERT INTO users (id, email) VALUES"
        " ('u-3', 'Ada@northwind.test'), ('u-1', 'ADA@northwind.test'),"
        " ('u-5', 'EVE@northwind.test'), ('u-4', 'Eve@northwind.test'),"
        " ('u-6', 'eve@northwind.test')"
    )
    assert [(await one(over(), f"{name}@northwind.test")).id for name in ("ada", "eve")] == [
        "u-1",
        "u-6",
    ]


async def test_what_is_no_address_is_nobodys(app: App, over: Over) -> None:
    await keep(app, "ada", "", None, "a@b@c", "ada@northwind.test, eve@evil.test")
    accounts = over()

    assert [await accounts.get(str(number)) for number in range(1, 6)] == [None] * 5
    assert await accounts.find("ada@northwind.test") is None


@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)
@pytest.mark.parametrize(
    "collation",
    ["utf8mb4_unicode_ci", "utf8mb4_unicode_nopad_ci", "utf8mb4_bin", "latin1_swedish_ci"],
)
async def test_what_a_collation_calls_equal_is_another_mailbox(
    app: App, over: Over, collation: str
) -> None:
    column = f"email VARCHAR(99) CHARACTER SET {collation.partition('_')[0]} COLLATE {collation}"
    await app.run(USERS.replace("email VARCHAR(99)", column))
    await app.run(
        "INSERT INTO users (id, email) VALUES"
        " (1, 'm\u00edke@northwind.test'), (2, 'Ada@northwind.test  ')"
    )
    accounts = over()

    assert await accounts.find("mike@northwind.test") is None
    found = await one(accounts, "ada@northwind.test")
    assert (found.id, found.email) == ("2", "Ada@northwind.test")


async def found(accounts: TableAccounts, typed: str) -> str | None:
    account = await accounts.find(identifiers.identify(typed, takes_names=True))
    return account.id if account else None


async def test_an_account_is_found_by_its_address_and_by_its_name_in_any_case_of_ascii(
    app: App, over: Over
) -> None:
    await enrol(
        app,
        ("ada@northwind.test", "Ada.L "),
        ("zoe@northwind.test", "zo\u00eb"),
        ("dan@northwind.test", None),
    )
    accounts = over(**EITHER)
    assert accounts.takes_names

    for typed in ("ada@northwind.test", "ADA@northwind.test", "ada.l", " ADA.L ", "Ada.L"):
        assert await found(accounts, typed) == "1", typed
    for typed in ("zo\u00eb", "ZO\u00eb", "zoe\u0308"):
        assert await found(accounts, typed) == "2", typed
    for typed in (
        "zoe",
        "ZO\u00cb",
        "ada",
        "ada.l@northwind.test",
        "nobody",
        "%",
        "ada_l",
        "xn--a",
        "None",
    ):
        assert await found(accounts, typed) is None, typed
    together = await accounts.find_all(["zo\u00eb", "nobody", "ada@northwind.test", "ada.l"])
    assert [one.id if isinstance(one, Account) else one for one in together] == [
        "2",
        None,
        "1",
        "1",
    ]


async def test_a_name_like_an_address_finds_nobody_and_takes_nothing_from_its_owner(
    app: App, over: Over
) -> None:
    await enrol(
        app,
        ("eve@northwind.test", "ada@northwind.test"),
        ("ada@northwind.test", "ada"),
        ("bob", "bob"),
    )
    accounts = over(**EITHER)

    assert await found(accounts, "ada@northwind.test") == "2"
    assert await found(accounts, "ada") == "2"
    assert await found(accounts, "bob") is None, "no mail reaches an account without an address"
    await app.run("DELETE FROM users WHERE id = 2")
    assert await found(accounts, "ada@northwind.test") is None


async def test_of_names_that_differ_in_case_the_one_that_was_written_is_meant_and_else_none(
    app: App, over: Over, caplog: pytest.LogCaptureFixture
) -> None:
    await enrol(
        app,
        ("ada@northwind.test", "Ada"),
        ("eve@northwind.test", "ada"),
        ("joe@northwind.test", "ada "),
    )
    accounts = over(**EITHER)

    assert await found(accounts, "Ada") == "1"
    assert await found(accounts, "ada") == "2"
    assert not caplog.messages
    assert await found(accounts, "ADA") is None
    assert own_messages(caplog) == ["accounts.ambiguous accounts=1, 2, 3"]

    await app.run("UPDATE users SET is_active = 0 WHERE id > 1")
    assert await found(accounts, "ADA") == "1", "closed accounts do not count"


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_wrong_column_of_names_is_refused_by_its_setting(app: App, over: Over) -> None:
    await enrol(app)
    for column, message in (
        ("logni", "the table users has no column logni; did you mean login?"),
        ("is_active", "the column is_active must contain text, but is INTEGER"),
        ("password_hash", "the column password_hash is also the one of password: choose another"),
    ):
        assert await faults(over(identifiers=("email", column))) == [f"identifiers: {message}"]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_addresses_that_no_request_finds(app: App, over: Over) -> None:
    """The start counts stored addresses that no request finds: with another blank, or capitals
    outside of ASCII.
    """
    await keep(
        app,
        "ada@northwind.test\u00a0",
        "bea@northwind.test\n",
        "Cleo@B\u00dcCHER.test",
        *STORED,
        "no address",
    )

    assert await doubts_of(over()) == [
        "accounts.table.email: 3 of 13 addresses are stored so that no request finds them"
    ]
