"""Server-side sessions of the built-in store."""

from datetime import timedelta

from sqlalchemy import delete, select, update
from tests.accounts.conftest import HASH

from keyturn.accounts.models import AccountRow, SessionRow
from keyturn.accounts.port import Account
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database


async def start(database: Database, sessions: Sessions, account: Account, token: str, verified: str = HASH) -> bool:
    async with database.transaction() as session:
        opened = await sessions.start(session, account.id, token, verified)
        await session.commit()
    return opened


async def test_a_session_says_whose_it_is(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ada, "token")

    assert await sessions.account_id("token") == ada.id
    assert await sessions.account_id("another") is None
    assert await sessions.account_id("") is None


async def test_a_session_ends_with_its_time_however_busy_it_was(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(0))
    await start(database, sessions, ada, "token")

    assert await sessions.account_id("token") is None


async def test_no_session_opens_with_a_password_that_was_changed_meanwhile(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))

    assert not await start(database, sessions, ada, "token", "$2b$another")
    assert await sessions.account_id("token") is None
    assert await start(database, sessions, ada, "token")


async def test_no_session_opens_for_an_account_that_was_disabled_meanwhile(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    async with database.transaction() as session:
        await session.execute(update(AccountRow).values(active=False))
        await session.commit()

    assert not await start(database, sessions, ada, "token")
    assert await sessions.account_id("token") is None


async def test_a_transaction_sees_whether_a_session_is_open(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ada, "token")
    async with database.transaction() as session:
        assert await sessions.is_open(session, "token")
        assert not await sessions.is_open(session, "another")
        await session.execute(delete(SessionRow))
        assert not await sessions.is_open(session, "token")


async def test_signing_out_ends_one_session(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ada, "here")
    await start(database, sessions, ada, "there")
    await sessions.end("here")
    await sessions.end("nowhere")

    assert await sessions.account_id("here") is None
    assert await sessions.account_id("there") == ada.id


async def test_the_table_does_not_hold_what_the_cookie_holds(database: Database, ada: Account) -> None:
    await start(database, Sessions(database, timedelta(hours=1)), ada, "a-secret-of-the-cookie")

    async with database.reading() as connection:
        (row,) = (await connection.execute(select(SessionRow.__table__))).all()
    assert b"a-secret" not in row.digest
    assert "a-secret" not in repr(row)


async def test_the_sessions_of_an_account_go_with_it(database: Database, ada: Account) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ada, "token")
    async with database.transaction() as session:
        await session.execute(delete(AccountRow).where(AccountRow.id == ada.id))
        await session.commit()

    assert await sessions.account_id("token") is None
