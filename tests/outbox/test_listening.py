"""Hearing of messages from other processes, and doing without."""

import asyncio
import contextlib

import pytest
from sqlalchemy import Connection, text
from tests.outbox.table import Note
from tests.outbox.worker import post

from keyturn.service.database import Database
from keyturn.service.outbox import Outbox
from keyturn.service.outbox.queue import Listener

ON_POSTGRESQL = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@ON_POSTGRESQL
async def test_a_message_that_was_not_committed_is_not_heard_of(
    database: Database, outbox: Outbox, elsewhere: Outbox
) -> None:
    woken = asyncio.Event()
    listener = Listener(database, woken.set)
    await listener.ensure()

    def write(connection: Connection) -> None:
        outbox.within(connection).enqueue("note", Note("never said"))
        connection.rollback()

    await database.transact(write)
    assert not woken.is_set()

    await post(elsewhere, "one")
    async with asyncio.timeout(10):
        await woken.wait()
    await listener.close()


@ON_POSTGRESQL
async def test_a_lost_connection_is_replaced(database: Database, elsewhere: Outbox) -> None:
    woken = asyncio.Event()
    listener = Listener(database, woken.set)
    await listener.ensure()
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    assert await database.read(lambda connection: connection.execute(text(ended)).scalars().all()) == [True]

    async with asyncio.timeout(10):
        while not woken.is_set():
            await listener.ensure()
            await post(elsewhere, "one")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), 0.1)
    await listener.close()


async def test_who_cannot_listen_goes_on_without() -> None:
    database = Database("postgresql://keyturn@127.0.0.1:9/keyturn")
    listener = Listener(database, lambda: None)

    await listener.ensure()
    await listener.close()
    await database.close()
