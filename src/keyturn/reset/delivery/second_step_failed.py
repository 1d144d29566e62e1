"""Too many wrong codes came with a link: the mail that says so."""

import msgspec

from keyturn.accounts.port import AccountStore
from keyturn.database import now
from keyturn.mail.transports.email import Email
from keyturn.outbox import Delivery, Dropped, Message
from keyturn.reset.delivery.composer import MailComposer
from keyturn.reset.delivery.mail_delivery import SUPPRESSED, MailDelivery
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import SecondStepHasFailed


class SecondStepFailedHandler:
    """Tells an account's owner that somebody has their mailbox, or their link, and not their second factor.

    It goes where the link went (NIST SP 800-63B-4 4.6), unless that mailbox is suppressed.
    """

    def __init__(
        self, mails: MailDelivery, accounts: AccountStore, mailboxes: Mailboxes, composer: MailComposer
    ) -> None:
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._composer = composer

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._tell)

    async def _tell(self, message: Message) -> Email | Dropped:
        failed = msgspec.json.decode(message.payload, type=SecondStepHasFailed)
        account = await self._accounts.get(failed.account_id)
        if account is None:
            return Dropped("no_account")
        mail = self._composer.about_second_step(msgspec.structs.replace(account, email=failed.email), failed)
        sealed = self._mails.seal(mail)
        async with self._mails.database.transaction() as session:
            if await self._mailboxes.is_suppressed(session, failed.email, now()):
                return Dropped(SUPPRESSED)
            await self._mails.store(session, message, sealed)
            await session.commit()
        return mail.email
