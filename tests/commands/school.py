"""What the commands look at: a service whose mails go to an inbox, once a test lets them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, update
from tests.driver.inbox import Inbox
from tests.driver.service import Service, running, settings_for

from keyturn.errors import SendFailed
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.outbox.history import Event, note_report
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.reset.stores import Transaction
from keyturn.service.settings.reading import read_settings

ADA, GRACE, NOBODY = "ada@northwind.test", "grace@northwind.test", "nobody@northwind.test"
URL = "sqlite:///.keyturn/keyturn.db"
LIMITS = {"mailbox_cooldown": timedelta(0), "request": "1000/minute"}


class School:
    """Runs the service of tests/driver on the database of the commands, for one act at a time."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        for email in (ADA, GRACE):
            self.do(partial(Service.add, email=email, name="Ada"))

    def do(
        self, work: Callable[[Service], Awaitable[Any]], limits: Mapping[str, Any] = LIMITS
    ) -> None:
        async def run() -> None:
            webhooks = read_settings(sending=False).webhooks
            async with running(
                settings_for(URL, limits=limits, webhooks=webhooks), inbox=self.inbox
            ) as service:
                await work(service)

        asyncio.run(run())

    def ask(self, email: str = ADA, *failures: SendFailed) -> None:
        self.inbox.failures.extend(failures)
        self.do(lambda service: service.ask_and_deliver(email))

    def deliver(self) -> None:
        self.do(Service.deliver)

    def rest(self, email: str) -> None:
        """Send a mail, after which the mailbox rests."""
        self.do(lambda service: service.ask_and_deliver(email), limits={})

    def suppress(self, email: str = ADA, report: str = "bounced") -> None:
        """Do what a provider's report does to a mailbox."""

        def write(tx: Transaction) -> None:
            tx.mailboxes.suppress(email)
            tx.audit.write("mail_report", report, Client(), now(), "", email)

        self.do(lambda service: service.container.stores.transact(write))

    def report(self, message_id: int, event: str, detail: str = "") -> None:
        def write(connection: Connection) -> None:
            reported = Event(
                message_id=message_id,
                event=event,
                detail=detail,
                at=now(),
                source_id=f"msg_{event}",
            )
            note_report(connection, reported)

        self.do(lambda service: service.container.database.transact(write))

    def change(self, **values: object) -> None:
        self.do(lambda service: service.write(update(OutboxRow).values(**values)))
