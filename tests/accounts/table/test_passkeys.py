"""Passkeys in the columns of an app's library, on three databases."""

from datetime import timedelta
from functools import partial

import pytest
from msgspec import structs
from sqlalchemy import Connection
from tests.accounts.table.app import App, Over
from tests.accounts.table.passkey_tables import ADA, TOTP, USERS, add, made, store_of, tables
from tests.spec.authenticator import Authenticator

from keyturn.accounts.passkeys import encode
from keyturn.accounts.port import Account, Ended, NewPassword
from keyturn.database import now
from keyturn.errors import SettingsInvalid
from keyturn.settings import PasskeyTableSettings


@pytest.fixture(params=["better-auth", "simplewebauthn", "django-allauth"])
async def library(request: pytest.FixtureRequest, app: App) -> str:
    name: str = request.param
    await app.run(f"{USERS}; {tables(app.dialect)[name]}")
    if name == "django-allauth":
        await app.run(TOTP)
    return name


async def test_a_passkey_is_stored_listed_named_used_and_removed(library: str, over: Over) -> None:
    accounts = over(passkeys=PasskeyTableSettings(format=library))  # type: ignore[arg-type]
    await accounts.require_ready()
    store, passkey = store_of(accounts), made(Authenticator())
    assert await add(accounts, passkey)
    assert not await add(accounts, passkey)
    (stored,) = await store.of_account("1")
    assert stored.id == passkey.id
    assert stored.created_at
    assert abs(stored.created_at - now()) < timedelta(minutes=1)
    assert await store.of_account("2") == []
    if library != "simplewebauthn":  # whose documented table has no names
        assert await store.transact(lambda connection: store.rename(connection, stored, "Mine"))
        assert [one.name for one in await store.of_account("1")] == ["Mine"]
    if store.signs_in:
        found = await store.find(passkey.id)
        assert found
        assert (found.public_key, found.account_id, found.counter) == (passkey.public_key, "1", 0)
        for counter, is_new in ((0, True), (5, True), (5, False), (4, False), (0, False), (6, True)):
            use = partial(store.use, passkey=found, counter=counter, moment=now())
            assert await store.transact(use) is is_new
    mine = await accounts.find(ADA)
    assert mine
    assert (mine.has_passkeys, mine.awaits_password) == (True, True)
    assert await store.transact(lambda connection: store.remove(connection, stored))
    assert not await store.transact(lambda connection: store.remove(connection, stored))
    assert await store.of_account("1") == []
    mine = await accounts.find(ADA)
    assert mine
    assert not mine.has_passkeys


async def test_not_me_and_the_link_after_it_remove_recent_passkeys(library: str, over: Over, app: App) -> None:
    accounts = over(passkeys=PasskeyTableSettings(format=library))  # type: ignore[arg-type]
    assert await add(accounts, made(Authenticator()))
    assert await add(accounts, made(Authenticator(), "2"))
    assert await accounts.end_sessions("1") == Ended()
    assert await accounts.end_intrusion("1") == Ended({"passkeys": 1})
    assert await accounts.end_intrusion("1") == Ended()

    async def hashed(text: str) -> str:
        return f"$2b${text}"

    ida = Account(id="2", email="ida@northwind.test", intruded=True)
    assert await accounts.set_password(ida, NewPassword("new", hashed)) == Ended({"passkeys": 1})
    if library == "django-allauth":  # the second factor of the same table stays
        assert len(await app.run('SELECT 1 FROM "mfa_authenticator"')) == 1


async def test_not_me_removes_more_passkeys_than_a_list_shows(library: str, over: Over) -> None:
    accounts = over(passkeys=PasskeyTableSettings(format=library))  # type: ignore[arg-type]
    store, passkey = store_of(accounts), made(Authenticator())
    many = [structs.replace(passkey, id=encode(nth.to_bytes(16, "big"))) for nth in range(60)]

    def fill(connection: Connection) -> None:
        assert all(store.add(connection, one, now(), 100) for one in many)

    await store.transact(fill)
    assert await accounts.end_intrusion("1") == Ended({"passkeys": 60})
    assert await store.of_account("1") == []


async def test_not_me_removes_a_passkey_that_keyturn_cannot_read(over: Over, app: App) -> None:
    await app.run(f"{USERS}; {tables(app.dialect)['better-auth']}")
    accounts = over(passkeys=PasskeyTableSettings(format="better-auth"))
    assert await add(accounts, made(Authenticator()))
    await app.run("""UPDATE "passkey" SET "publicKey" = '{not base64}'""")
    assert await store_of(accounts).of_account("1") == []
    assert await accounts.end_intrusion("1") == Ended({"passkeys": 1})


async def test_an_account_has_at_most_so_many(library: str, over: Over) -> None:
    accounts = over(passkeys=PasskeyTableSettings(format=library))  # type: ignore[arg-type]
    for _ in range(2):
        assert await add(accounts, made(Authenticator()), most=2)
    assert not await add(accounts, made(Authenticator()), most=2)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_every_wrong_column_is_told_at_once(app: App, over: Over) -> None:
    await app.run(f"{USERS}; CREATE TABLE passkey (id INTEGER PRIMARY KEY, userId INTEGER, counter INTEGER)")
    given = PasskeyTableSettings(format="better-auth", columns={"name": "label", "keys": "x"})
    with pytest.raises(SettingsInvalid) as invalid:
        await over(passkeys=given).require_ready()
    faults = {fault.name for fault in invalid.value.faults}
    assert faults == {
        "accounts.table.passkeys.columns.name",
        "accounts.table.passkeys.columns.keys",
        "accounts.table.passkeys.columns.credential",
        "accounts.table.passkeys.columns.public_key",
    }


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_column_that_nobody_fills_and_a_missing_table_are_told(app: App, over: Over) -> None:
    await app.run(
        f"{USERS}; {tables('sqlite')['better-auth']}; ALTER TABLE passkey ADD tenant TEXT NOT NULL DEFAULT ''"
    )
    await over(passkeys=PasskeyTableSettings(format="better-auth")).require_ready()
    with pytest.raises(SettingsInvalid, match="no table passkeys"):
        await over(passkeys=PasskeyTableSettings(format="simplewebauthn")).require_ready()
    await app.run(tables("sqlite")["simplewebauthn"].replace('"transports"', '"tenant" TEXT NOT NULL, "transports"'))
    with pytest.raises(SettingsInvalid, match="tenant has no default"):
        await over(passkeys=PasskeyTableSettings(format="simplewebauthn")).require_ready()
