"""Server-side sessions, of accounts in whatever store."""

from datetime import timedelta

from sqlalchemy import Connection, delete, select

from keyturn.accounts.builtin import SessionRow, Sessions
from keyturn.database import Database

ADA = "ada's id in whatever store"


async def start(database: Database, sessions: Sessions, account_id: str, token: str) -> None:
    await database.transact(lambda connection: sessions.within(connection).start(account_id, token))


async def test_a_session_says_whose_it_is(database: Database) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ADA, "token")

    assert await sessions.account_id("token") == ADA
    assert await sessions.account_id("another") is None
    assert await sessions.account_id("") is None


async def test_a_session_ends_with_its_time_however_busy_it_was(database: Database) -> None:
    sessions = Sessions(database, timedelta(0))
    await start(database, sessions, ADA, "token")

    assert await sessions.account_id("token") is None


async def test_a_transaction_sees_whether_a_session_is_open(database: Database) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ADA, "token")

    def write(connection: Connection) -> None:
        assert sessions.within(connection).is_open("token")
        assert not sessions.within(connection).is_open("another")
        connection.execute(delete(SessionRow))
        assert not sessions.within(connection).is_open("token")

    await database.transact(write)


async def test_signing_out_ends_one_session(database: Database) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, ADA, "here")
    await start(database, sessions, ADA, "there")
    await sessions.end("here")
    await sessions.end("nowhere")

    assert await sessions.account_id("here") is None
    assert await sessions.account_id("there") == ADA


async def test_the_table_does_not_hold_what_the_cookie_holds(database: Database) -> None:
    await start(database, Sessions(database, timedelta(hours=1)), ADA, "a-secret-of-the-cookie")

    (row,) = await database.read(lambda connection: connection.execute(select(SessionRow.__table__)).all())
    assert b"a-secret" not in row.digest
    assert "a-secret" not in repr(row)


async def test_all_sessions_of_an_account_end_and_nobody_elses(database: Database) -> None:
    sessions = Sessions(database, timedelta(hours=1))
    await start(database, sessions, "ada", "here")
    await start(database, sessions, "ada", "there")
    await start(database, sessions, "eve", "eves")
    await database.transact(lambda connection: sessions.within(connection).end_all("ada"))

    assert [await sessions.account_id(token) for token in ("here", "there", "eves")] == [None, None, "eve"]
