"""A password was changed: the mail that says so."""

import msgspec

from keyturn import addresses
from keyturn.accounts.port import AccountStore
from keyturn.database import now
from keyturn.mail.transports.email import Email
from keyturn.outbox import Delivery, Dropped, Message, Outbox
from keyturn.reset.delivery.composer import MailComposer
from keyturn.reset.delivery.mail_delivery import SUPPRESSED, MailDelivery
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import PASSWORD_CHANGED, PasswordWasChanged


class ConfirmationHandler:
    """Confirms a change to the account's owner (NIST SP 800-63B 4.6), unless the mailbox is suppressed.

    The mail goes to the address that the account had when its password was changed: a thief would give it another at
    once. Where it has another by now, that one gets a mail, too, as a message of its own.
    """

    def __init__(
        self, mails: MailDelivery, accounts: AccountStore, mailboxes: Mailboxes, composer: MailComposer, audit: Audit,
        outbox: Outbox,
    ) -> None:  # fmt: skip
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._composer = composer
        self._audit = audit
        self._outbox = outbox

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._confirm)

    async def _confirm(self, message: Message) -> Email | Dropped:
        change = msgspec.json.decode(message.payload, type=PasswordWasChanged)
        account = await self._accounts.get(change.account_id)
        if account is None:
            return Dropped("no_account")
        new_email = account.email
        account = msgspec.structs.replace(account, email=change.email or new_email)
        has_moved = addresses.normalize(account.email) != addresses.normalize(new_email)
        mail = self._composer.about_change(account, change)
        sealed = self._mails.seal(mail)
        async with self._mails.database.transaction() as session:
            if has_moved:
                await self._outbox.enqueue(session, PASSWORD_CHANGED, msgspec.structs.replace(change, email=new_email))
            suppressed = await self._mailboxes.is_suppressed(session, account.email, now())
            if suppressed:
                await self._audit.write(
                    session, "confirmation", SUPPRESSED, change.client, at=now(),
                    account_id=account.id, email=account.email, message_id=message.id,
                )  # fmt: skip
            else:
                await self._mails.store(session, message, sealed)
            await session.commit()
        if has_moved:
            self._outbox.wake()
        return Dropped(SUPPRESSED) if suppressed else mail.email
