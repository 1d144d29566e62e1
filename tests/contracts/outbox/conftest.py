"""An outbox on each engine, its table, messages, and a worker over a handler that does as each
message says.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Row, select, text

from keyturn.service.clock import MovableClock, replaced
from keyturn.service.database import Database
from keyturn.service.outbox.message import Dropped, Message, Sent, Settlement
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.outbox.queue import Outbox
from keyturn.service.outbox.worker import Worker, WorkerLimits, WorkerQueue

SETTLED = text(
    "INSERT INTO keyturn_outbox (key, kind, payload, state, attempts, faults, available_at, "
    "created_at, settled_at) "
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) "
    "SELECT CAST(n AS VARCHAR(32)), 'note', '{}', 'sent', 1, 0, CURRENT_TIMESTAMP, "
    "CURRENT_TIMESTAMP, "
    "CURRENT_TIMESTAMP FROM numbers"
)


class Note(msgspec.Struct, frozen=True):
    text: str


def text_of(message: Message) -> str:
    return msgspec.json.decode(message.payload, type=Note).text


class Rows:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Row[Any]]:
        table = OutboxRow.__table__
        every = select(table).order_by(table.c.id)
        return list(await self._database.read(lambda connection: connection.execute(every).all()))

    async def only(self) -> Row[Any]:
        (row,) = await self.all()
        return row

    async def states(self) -> list[str]:
        return [row.state for row in await self.all()]


async def make_due(database: Database) -> None:
    await database.execute(text("UPDATE keyturn_outbox SET available_at = created_at"))


async def settle_others(database: Database) -> None:
    """Write many messages that were sent and erased, as in a busy installation."""

    def write(connection: Connection) -> None:
        connection.execute(SETTLED)
        if not database.is_sqlite:  # whose autovacuum does it in a running installation
            connection.execute(text("ANALYZE"))

    await database.transact(write)


LONG = timedelta(hours=1)


class Handler:
    """`answers` holds what a message comes to, by its text: a settlement, or an error that is
    raised.

    A message whose text begins with "slow" waits until `open` is set.
    """

    def __init__(self, **answers: Settlement | Exception) -> None:
        self.answers = answers
        self.open = asyncio.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._arrived = asyncio.Condition()

    async def __call__(self, message: Message) -> Settlement:
        return await self.deliver(text_of(message))

    async def deliver(self, text: str) -> Settlement:
        await self._note(self.begun, text)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if text.startswith("slow"):
                await self.open.wait()
        finally:
            self.at_once -= 1
        await self._note(self.done, text)
        answer = self.answers.get(text, Sent("resend", f"id of {text}"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _note(self, texts: list[str], text: str) -> None:
        async with self._arrived:
            texts.append(text)
            self._arrived.notify_all()

    async def has_begun(self, *texts: str) -> None:
        await self._reached(self.begun, texts)

    async def has_done(self, *texts: str) -> None:
        await self._reached(self.done, texts)

    async def _reached(self, texts: list[str], wanted: tuple[str, ...]) -> None:
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: not Counter(wanted) - Counter(texts))


def worker_of(
    outbox: Outbox,
    handler: Handler,
    *others: WorkerQueue,
    places: int = 8,
    last_answer: timedelta = timedelta(0),
    **limits: Any,
) -> Worker:
    """Return a worker that looks again once an hour, and whose back-off has no jitter."""
    minute = timedelta(minutes=1)
    defaults: dict[str, Any] = {
        "poll": LONG,
        "longest": minute,
        "lease": minute,
        "jitter": lambda: 0.0,
    }
    prepare = getattr(handler, "prepare", None)
    queues = [
        WorkerQueue({"note": handler}, places, prepare=prepare, last_answer=last_answer),
        *others,
    ]
    return Worker(outbox, queues, WorkerLimits(**defaults | limits))


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Run the worker while the block lasts; what is under way then must be able to end."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    assert task.cancelled()


async def post(outbox: Outbox, *texts: str) -> None:
    for words in texts:
        await outbox.post("note", Note(words))


NOTHING = Dropped("nothing to say")


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Outbox]:
    database = Database(database_url)
    yield Outbox(database)
    await database.close()


class WatchedOutbox(Outbox):
    """Tells of renewals, the first of which fail with `failures`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.failures: list[Exception] = []
        self._renewed = asyncio.Event()

    async def renew(self, messages: Collection[Message], lease: timedelta) -> None:
        if self.failures:
            raise self.failures.pop()
        await super().renew(messages, lease)
        self._renewed.set()

    async def has_renewed(self) -> None:
        self._renewed.clear()
        async with asyncio.timeout(10):
            await self._renewed.wait()


@pytest.fixture
def outbox(database: Database) -> WatchedOutbox:
    return WatchedOutbox(database)


@pytest.fixture
def moving() -> Iterator[MovableClock]:
    """Let time stand still but for what the test moves it by."""
    with replaced(clock := MovableClock(), None):
        yield clock


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
