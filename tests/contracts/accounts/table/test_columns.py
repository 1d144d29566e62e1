"""What may be in the columns of an app's table."""

import msgspec
import pytest
from tests.contracts.accounts.table.app import Over, doubts_of, hashed, one
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account, NewPassword

NO_IDS = ("", "nobody", "0", "-5", "1e3", " 7", "7 ", "07", "+7", "9" * 30, "a\0b", "\ud800", "7b", "\u0667", "0x7")
UUID_ = "8b1c7a52-3c55-4d6e-9a0f-2d7c3f6b1e90"
HEX = UUID_.replace("-", "")


@pytest.mark.parametrize(
    ("databases", "declared", "stored", "text"),
    [
        ("sqlite", "INTEGER PRIMARY KEY", "7", "7"),
        ("sqlite", "UUID PRIMARY KEY", f"'{UUID_}'", UUID_),
        ("sqlite", "DATETIME PRIMARY KEY", "'yes'", "yes"),
        ("sqlite", "BLOB PRIMARY KEY", f"x'{HEX}'", HEX),
        ("sqlite", "BINARY(16) PRIMARY KEY", f"'{HEX}'", HEX),
        ("sqlite", "PRIMARY KEY", "'u_7'", "u_7"),
        ("postgresql", "bigint UNIQUE", "9000000000", "9000000000"),
        ("postgresql", "uuid PRIMARY KEY", f"'{UUID_}'", UUID_),
        ("postgresql", "numeric PRIMARY KEY", "1000", "1000"),
        ("postgresql", "numeric(9, 2) PRIMARY KEY", "7", "7.00"),
        ("postgresql", "bytea PRIMARY KEY", f"'\\x{HEX}'", HEX),
        ("mariadb", "SMALLINT UNSIGNED PRIMARY KEY", "65535", "65535"),
        ("mariadb", "DECIMAL(30) PRIMARY KEY", "900000000000000000007", "900000000000000000007"),
        ("mariadb", "VARCHAR(30) PRIMARY KEY", "'cm4abc'", "cm4abc"),
        ("mariadb", "BINARY(16) PRIMARY KEY", f"x'{HEX}'", HEX),
        ("mariadb", "UUID PRIMARY KEY", f"'{UUID_}'", UUID_),
    ],
    indirect=["databases"],
)
@pytest.mark.long
async def test_an_id_is_whatever_the_app_made_it(app: App, over: Over, declared: str, stored: str, text: str) -> None:
    await app.run(f"CREATE TABLE users (id {declared}, email VARCHAR(200), password_hash VARCHAR(80))")
    await app.run(f"INSERT INTO users VALUES ({stored}, 'ada@northwind.test', 'x')")  # noqa: S608 - the test's own
    accounts = over()
    await accounts.require_ready()

    ada = await one(accounts, "ada@northwind.test")
    assert ada.id == text
    assert await accounts.get(text) == ada
    for other in (*NO_IDS, text.upper() if text.upper() != text else "nobody"):
        if other != text:
            assert await accounts.get(other) is None, other
            assert not await accounts.set_password(msgspec.structs.replace(ada, id=other), NewPassword("no", hashed))
            assert await accounts.password_hash(other) is None
    assert await accounts.set_password(ada, NewPassword("new", hashed))
    assert await accounts.password_hash(text) == "$2b$new"


FLAGS = {
    "sqlite": [
        ("BOOLEAN", ["1", "true", "'t'", "'yes'"], ["0", "false", "'false'", "'F'", "'no'", "' '", "NULL"]),
        ("DATETIME", ["'2026-11-20 08:00:00'", "1763625600000"], ["NULL", "''", "0"]),
    ],
    "postgresql": [
        ("boolean", ["true"], ["false", "NULL"]),
        ("timestamptz", ["now()"], ["NULL"]),
        ("smallint", ["1", "-1"], ["0", "NULL"]),
        ("varchar(20)", ["'on'", "'2026-11-20'"], ["'off'", "''", "'N'"]),
    ],
    "mysql": [
        ("BIT(1)", ["1"], ["0", "NULL"]),
        ("TINYINT(1)", ["1", "2"], ["0", "NULL"]),
        ("DATETIME", ["now()"], ["NULL", "'0000-00-00 00:00:00'"]),
        ("ENUM('Yes','No')", ["'Yes'"], ["'No'", "NULL"]),
    ],
}


@pytest.mark.long
async def test_a_flag_is_whatever_the_app_made_it(app: App, over: Over) -> None:
    for declared, true, false in FLAGS[app.dialect]:
        await app.run("DROP TABLE IF EXISTS users")
        await app.run(
            f"CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(60), f {declared})"
        )
        values = [*true, *false]
        for number, value in enumerate(values, 1):
            row = f"({number}, '{number}@northwind.test', 'x', {value})"
            # In its strict mode MariaDB would take no zero for a date; many an app has such rows.
            mode = "SET sql_mode = ''; " if app.dialect == "mysql" else ""
            await app.run(f"{mode}INSERT INTO users VALUES {row}")  # noqa: S608 - the test's own
        expected = [value in true for value in values]
        for column, turned in (("f", False), ("not f", True)):
            accounts = over(active=column)
            found = [await accounts.get(str(number)) for number in range(1, len(values) + 1)]
            active = [account is not None and account.active for account in found]
            assert active == [flag != turned for flag in expected], (declared, column)
            # The statement that changes a password decides in the same way as the look-up before it.
            changed = [
                await accounts.set_password(msgspec.structs.replace(account, active=True), NewPassword("new", hashed))
                for account in found
                if account
            ]
            assert changed == active


STATUSES = {
    "sqlite": "TEXT",
    "postgresql": "mood",
    "mysql": "ENUM('Active', 'invited', 'suspended', 'disabled') CHARACTER SET latin1",
}


async def test_a_status_says_by_its_values_who_is_active(app: App, over: Over) -> None:
    if app.dialect == "postgresql":
        await app.run("CREATE TYPE mood AS ENUM ('Active', 'invited', 'suspended', 'disabled')")
    await app.run(
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(60),"
        f" status {STATUSES[app.dialect]})"
    )
    for number, status in enumerate(("Active", "invited", "suspended", None), 1):
        email = f"{number}@northwind.test"
        await app.run("INSERT INTO users VALUES (:id, :email, 'x', :status)", id=number, email=email, status=status)
    for given, active in (
        ("status = active", [True, False, False, False]),
        ("status=active | INVITED", [True, True, False, False]),
        ("not status = suspended|disabled", [True, True, False, True]),
    ):
        accounts = over(active=given)
        await accounts.require_ready()
        found = [account for number in range(1, 5) if (account := await accounts.get(str(number)))]
        assert [account.active for account in found] == active, given
        assert [await accounts.set_password(account, NewPassword("new", hashed)) for account in found] == active


async def test_a_status_without_its_values_is_doubted(app: App, over: Over) -> None:
    await app.run("CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(60), f VARCHAR(20))")
    await app.run("INSERT INTO users VALUES (1, 'ada@c.de', 'x', 'T'), (2, 'bo@c.de', 'x', ''), (3, '', 'x', NULL)")
    accounts = over(active="f")
    assert await doubts_of(accounts) == []
    await app.run("INSERT INTO users VALUES (4, 'd@c.de', 'x', ' Suspended '), (5, 'mike@c.de', 'x', 'on')")

    unread = "accounts.table.active: the column contains 'Suspended', which Keyturn takes for active"
    assert await doubts_of(accounts) == [unread]
    assert await doubts_of(over(active="not f")) == []


async def test_names_and_the_like_are_texts_and_null_is_none_of_them(app: App, over: Over) -> None:
    await app.run(
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(99), password_hash CHAR(80), name VARCHAR(99),"
        " auth VARCHAR(20), role INT, locale CHAR(10), tz VARCHAR(40))"
    )
    await app.run(
        "INSERT INTO users VALUES (1, 'ada@northwind.test', 'x', 'Ada', NULL, 3, 'de', 'Asia/Kolkata'),"
        " (2, 'bea@northwind.test', '', NULL, 'Credentials', NULL, NULL, NULL),"
        " (3, 'cleo@northwind.test', 'x', '', 'google', 3, '', NULL),"
        " (4, 'dan@northwind.test', NULL, '', 'azure-ad', 3, '', NULL),"
        " (5, 'eve@northwind.test', NULL, '', 'git_lab', 3, '', NULL),"
        " (6, 'fay@northwind.test', NULL, '', 'school_portal', 3, '', NULL)"
    )
    accounts = over(name="name", provider="auth", kind="role", locale="locale")

    found = [await accounts.get(str(number)) for number in range(1, 7)]
    people = [account for account in found if account]
    ada = Account(id="1", email="ada@northwind.test", name="Ada", kind="3", locale="de")
    assert people[0] == ada
    assert people[1] == Account(id="2", email="bea@northwind.test", has_password=False, awaits_password=True)
    assert [(one.provider, one.has_password) for one in people[2:]] == [
        ("Google", False),
        ("Microsoft", False),
        ("GitLab", False),
        ("School Portal", False),
    ]
    # An account that signs in elsewhere has no password, with any value in its column; nor has one with an empty value.
    assert [await accounts.password_hash(str(number)) for number in range(1, 7)] == ["x", *[None] * 5]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_without_a_password_column_people_are_looked_up_and_a_change_is_noted(app: App, over: Over) -> None:
    await app.run("CREATE TABLE users (id UUID PRIMARY KEY, email TEXT, must_change INT DEFAULT 1)")
    await app.run("CREATE TABLE sessions (user_id UUID)")
    await app.run("INSERT INTO users (id, email) VALUES (:id, 'ada@northwind.test')", id=UUID_)
    await app.run("INSERT INTO sessions VALUES (:id)", id=UUID_)
    accounts = over(password="", set={"must_change": False})
    await accounts.require_ready()
    ada = Account(id=UUID_, email="ada@northwind.test")

    assert await accounts.find("ada@northwind.test") == ada
    assert not await accounts.note_change(msgspec.structs.replace(ada, email="ada@moved.test"))
    assert await accounts.note_change(ada)
    (row,) = await app.run("SELECT * FROM users")
    assert row.must_change == 0
    # With nothing to set, there may be rows to delete.
    ending = over(password="", delete=("sessions.user_id",))
    assert not await ending.note_change(msgspec.structs.replace(ada, id="nobody"))
    assert len(await app.run("SELECT * FROM sessions")) == 1
    assert await ending.note_change(ada)
    assert await app.run("SELECT * FROM sessions") == []
