"""Accounts that may not have a password get none."""

from tests.contracts.accounts.table.app import Over, hashed
from tests.driver.app_database import App

from keyturn.service.accounts.port import Account, NewPassword
from keyturn.service.accounts.table.store import TableAccounts

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(99), password_hash CHAR(80), auth VARCHAR(20))"
NEW = "$2b$new"


async def known(accounts: TableAccounts, *ids: int) -> list[Account]:
    return [account for account in [await accounts.get(str(number)) for number in ids] if account]


async def test_what_stands_for_no_password_is_no_hash(app: App, over: Over) -> None:
    unusable = ("!", "!kR3bQ9x0", "!!", "*", "*LK*", "!$2b$04$switched off")
    await app.run(USERS)
    for number, stored in enumerate(unusable):
        row = {"id": number, "email": f"{number}@northwind.test", "hash": stored}
        await app.run("INSERT INTO users VALUES (:id, :email, :hash, '')", **row)
    accounts = over()

    people = await known(accounts, *range(len(unusable)))
    assert [(one.active, one.has_password) for one in people] == [(True, False)] * len(unusable)
    for one in people:
        assert await accounts.password_hash(one.id) is None
        assert not await accounts.set_password(one, NewPassword("new", hashed))
    rows = await app.run("SELECT password_hash FROM users ORDER BY id")
    assert tuple(row.password_hash.strip() for row in rows) == unusable


async def test_who_signs_in_elsewhere_by_now_gets_no_password(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE sessions (user_id INTEGER)")
    await app.run(
        "INSERT INTO sessions VALUES (1); INSERT INTO users VALUES (1, 'ada@northwind.test', 'x', NULL),"
        " (2, 'bea@northwind.test', NULL, ' Email '), (3, 'cleo@northwind.test', '', 'local')"
    )
    accounts = over(provider="auth", delete=("sessions.user_id",))
    people = await known(accounts, 1, 2, 3)
    await app.run("UPDATE users SET auth = 'google', password_hash = NULL WHERE id = 1")

    # An invited user who has not chosen a password yet gets one; a user who moved to Google does not.
    changed = [await accounts.set_password(account, NewPassword("new", hashed)) for account in people]
    assert changed == [False, True, True]
    rows = await app.run("SELECT password_hash FROM users ORDER BY id")
    assert [row.password_hash and row.password_hash.strip() for row in rows] == [None, NEW, NEW]
    assert len(await app.run("SELECT * FROM sessions")) == 1


async def test_which_words_mean_a_password_the_change_agrees_with_the_look_up(app: App, over: Over) -> None:
    words = ("Email", "email ", "EMAIL", "", None, "google")
    await app.run(USERS)
    for number, word in enumerate(words):
        row = {"id": number, "email": f"{number}@northwind.test", "auth": word}
        await app.run("INSERT INTO users VALUES (:id, :email, 'x', :auth)", **row)
    accounts = over(provider="auth")

    people = await known(accounts, *range(len(words)))
    assert [one.has_password for one in people] == [True, True, True, True, True, False]
    for one in people:
        assert await accounts.set_password(one, NewPassword("new", hashed)) is one.has_password


async def test_who_awaits_a_first_password_is_told_from_who_is_to_have_none(app: App, over: Over) -> None:
    await app.run(f"{USERS}; ALTER TABLE users ADD COLUMN on_leave INTEGER")
    await app.run(
        "INSERT INTO users VALUES (1, 'ada@northwind.test', NULL, NULL, 0), (2, 'bea@northwind.test', '', 'email', 0),"
        " (3, 'cleo@northwind.test', NULL, 'google', 0), (4, 'dora@northwind.test', '!', NULL, 0),"
        " (5, 'eve@northwind.test', 'x', NULL, 0), (6, 'fay@northwind.test', NULL, NULL, 1)"
    )
    accounts = over(provider="auth", active="not on_leave")

    assert sorted(await accounts.awaiting_password()) == ["ada@northwind.test", "bea@northwind.test"]
    people = await known(accounts, *range(1, 7))
    assert [one.awaits_password for one in people] == [True, True, False, False, False, True]
    assert [one.takes_password for one in people] == [True, True, False, False, True, True]
    without = over(password="")
    assert [one.awaits_password for one in await known(without, 1)] == [False]
