"""Mails that tell one mailbox what happened to its account: no link that sets a password, and nothing else to do."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import now
from keyturn.mail.port.email import Email
from keyturn.outbox import Delivery, Dropped, Message
from keyturn.reset.delivery.composer import SealedMail
from keyturn.reset.delivery.mail_delivery import SUPPRESSED, MailDelivery
from keyturn.reset.records.mailboxes import Mailboxes


class _Notice(Protocol):
    """Whose account it is about, and which mailbox is told."""

    @property
    def account_id(self) -> str: ...

    @property
    def email(self) -> str: ...


_Payload = TypeVar("_Payload", bound=_Notice)


class NoticeHandler(Generic[_Payload]):
    """Sends the mail that `compose` makes of the account and the payload to the payload's mailbox.

    That is the mailbox that the event is about, whichever the account has by now (NIST SP 800-63B-4 4.6). A mailbox
    that is suppressed gets nothing.
    """

    def __init__(
        self,
        mails: MailDelivery,
        accounts: AccountStore,
        mailboxes: Mailboxes,
        payload: type[_Payload],
        compose: Callable[[Account, _Payload], SealedMail],
    ) -> None:
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._decoder = msgspec.json.Decoder(payload)
        self._compose = compose

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._tell)

    async def _tell(self, message: Message) -> Email | Dropped:
        notice = self._decoder.decode(message.payload)
        account = await self._accounts.get(notice.account_id)
        if account is None:
            return Dropped("no_account")
        mail = self._compose(msgspec.structs.replace(account, email=notice.email), notice)
        sealed = self._mails.seal(mail)

        def write(connection: Connection) -> Email | Dropped:
            if self._mailboxes.is_suppressed(connection, notice.email, now()):
                return Dropped(SUPPRESSED)
            self._mails.store(connection, message, sealed)
            return mail.email

        return await self._mails.database.transact(write)
