"""A worker that dies of one message, as of a fault in a library: `... DATABASE_URL`. It ends once nothing waits."""

import asyncio
import os
import sys
from datetime import timedelta

from keyturn.service.database import Database
from keyturn.service.outbox.attempts import WorkerLimits
from keyturn.service.outbox.history import backlog_of
from keyturn.service.outbox.message import Dropped, Message
from keyturn.service.outbox.queue import Outbox
from keyturn.service.outbox.worker import Lane, Worker

AT_ONCE, MOST_CRASHES = 8, 5


async def handle(message: Message) -> Dropped:
    await asyncio.sleep(0)  # the others have begun by then
    if "poison" in message.payload:
        os._exit(9)
    await asyncio.sleep(0.02)  # and have not ended
    return Dropped("done")


async def main(url: str) -> None:
    database = Database(url)
    limits = WorkerLimits(lease=timedelta(seconds=0.1), max_crashes=MOST_CRASHES)
    worker = Worker(Outbox(database), [Lane({"note": handle}, AT_ONCE)], limits)
    while (await backlog_of(database))["waiting"]:
        await worker.drain()
        await asyncio.sleep(0.01)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
