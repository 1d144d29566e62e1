"""What the commands look at: a service without a web server, and its mails on their way."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, update
from tests.cli.command import Ended
from tests.driver.builtin_accounts import builtin_accounts
from tests.driver.inbox import Inbox

from keyturn.errors import SendFailed
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.outbox.history import Event, note_report
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.parts import Parts
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import LimitSettings, Secret
from keyturn.service.settings.reading import read_settings

ADA, GRACE, NOBODY = "ada@northwind.test", "grace@northwind.test", "nobody@northwind.test"
KEY = Secret("k" * 40)


class School:
    """A service without a web server: what is asked of it is delivered at once, to an inbox."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.do(self._found)

    def do(self, work: Callable[[Parts], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            settings = read_settings(sending=False)
            limits = LimitSettings(mailbox_cooldown=timedelta(0), request="1000/minute")
            parts = Parts(msgspec.structs.replace(settings, limits=limits, secret_key=KEY), sender=self.inbox)
            try:
                await work(parts)
            finally:
                await parts.close()

        asyncio.run(run())

    async def _found(self, parts: Parts) -> None:
        for email in (ADA, GRACE):
            await builtin_accounts(parts).add(Account(id="", email=email, name="Ada"), "$2b$10$" + "x" * 53)

    def ask(self, email: str = ADA, *failures: SendFailed, deliver: bool = True) -> None:
        async def work(parts: Parts) -> None:
            await parts.requests.accept(email, Client(ip_address="192.0.2.1"))
            if deliver:
                await parts.worker.drain()

        self.inbox.failures.extend(failures)
        self.do(work)

    def deliver(self) -> None:
        async def work(parts: Parts) -> None:
            await parts.worker.drain()

        self.do(work)

    def report(self, message_id: int, event: str, detail: str = "") -> None:
        async def work(parts: Parts) -> None:
            def write(connection: Connection) -> None:
                reported = Event(message_id=message_id, event=event, detail=detail, at=now(), source_id=f"msg_{event}")
                note_report(connection, reported)

            await parts.database.transact(write)

        self.do(work)

    def change(self, **values: object) -> None:
        """Change every message behind the service's back."""

        async def work(parts: Parts) -> None:
            await parts.database.execute(update(OutboxRow).values(**values))

        self.do(work)

    def purge(self, later: timedelta) -> None:
        async def work(parts: Parts) -> None:
            await parts.retention.purge(now() + later)

        self.do(work)


def listed(shown: Ended) -> dict[int, str]:
    """Return the state of each message in a list in JSON, in its order."""
    assert shown.code == 0, shown.err
    return {message["id"]: message["state"] for message in json.loads(shown.out)}


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line)
