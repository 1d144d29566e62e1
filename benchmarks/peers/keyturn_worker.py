"""Keyturn's worker with a sender that only records its calls: `...

FOLDER`, the folder of a running Keyturn.

It delivers the waiting messages, prints "ready", and continues after a line on its standard input.
So the measurement does not include its start and late imports. It ends as `keyturn worker` does.
"""

import os
import sys
from pathlib import Path

import msgspec

from benchmarks.peers import SentFile
from benchmarks.peers.keyturn import ENVIRONMENT
from keyturn.garbage import collect_seldom
from keyturn.mail.port.email import Email
from keyturn.service.container import Container
from keyturn.service.event_loop import WORKER_TURN, run, until_signalled
from keyturn.service.settings.reading import read_settings
from keyturn.service.telemetry.logs import configure_logs


class CountingSender:
    name = "counted"

    def __init__(self, sent: SentFile) -> None:
        self._sent = sent

    async def send(self, email: Email, idempotency_key: str) -> str:
        self._sent.add(email.to, email.tags["template"])
        return idempotency_key

    async def close(self) -> None:
        pass


async def main(folder: Path) -> None:
    settings = read_settings(sending=True)
    configure_logs(settings.logs.level)
    container = Container(settings, sender=CountingSender(SentFile(folder)))
    work = container.work()
    await container.worker.drain()
    collect_seldom(loaded=True)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await until_signalled(work)
    finally:
        await container.close()


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    os.environ.update(msgspec.json.decode(Path(ENVIRONMENT).read_bytes(), type=dict[str, str]))
    run(main(Path(sys.argv[1])), WORKER_TURN)
