"""Handles a provider's reports about sent mails: notes them with their message, and suppresses failing mailboxes."""

from keyturn.mail.port.reports import Report
from keyturn.service import addresses
from keyturn.service.clock import now
from keyturn.service.outbox import Sent
from keyturn.service.outbox.history import Event, message_behind, note_report
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.stores import Transaction


class ProviderEvents:
    """Handles a provider's reports. A mailbox that bounced permanently or complained is suppressed."""

    def __init__(self, ground: Ground) -> None:
        self._accounts, self._records = ground.accounts, ground.records
        self._meters = ground.meters

    async def take(self, report: Report, client: Client) -> None:
        """Note the report with its message. A report that is known, or is about a foreign mail, changes nothing.

        A message that waits for another try is settled: the provider has the mail, but its answer was lost. Other
        messages stay as they are, for their state is derived from all reports, in any order.
        """
        message_id = await message_behind(self._records.database, report.provider_id, report.key)
        if message_id is None:
            return
        account = await self._accounts.find(addresses.normalize(report.to)) if report.ends else None
        event = Event(
            message_id=message_id, event=report.event, detail=report.detail, at=report.at, source_id=report.id
        )

        def write(tx: Transaction) -> bool:
            if not note_report(tx.connection, event):
                return False
            tx.settlements.reported(message_id, Sent(report.provider, report.provider_id))
            if report.ends:
                moment = now()
                tx.mailboxes.suppress(report.to, moment, report.event)
                tx.audit.write(
                    "mail_report",
                    report.event,
                    client,
                    moment,
                    account.id if account else "",
                    addresses.normalize(report.to),
                    message_id=message_id,
                )
            return report.ends

        if await self._records.transact(write):
            self._meters.suppression(report.event)
