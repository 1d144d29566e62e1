"""An account was secured by its owner: the store's part, and the mail with a link to start anew."""

from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore, EndsSessions, LocksAccounts
from keyturn.database import now
from keyturn.mail.transports.email import Email
from keyturn.outbox import Delivery, Dropped, Message
from keyturn.reset.delivery.mail_delivery import SUPPRESSED, MailDelivery
from keyturn.reset.delivery.reset_links import ResetLinks
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.link_store import Link
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import AccountWasSecured

LINK_MAILED: Final = "link_mailed"

_Refusal = Literal["no_account", "signs_in_elsewhere", "disabled", "address_changed"]


class RecoveryHandler:
    """Ends what sessions the store has, locks the account where `locks` says so, and sends its owner a link.

    The mail goes to the address that the account had before the change, whichever it has by now. Neither a mailbox's
    cooldown nor its muting holds it up: its owner has just asked for it, once, and a stranger could use those up.
    """

    def __init__(
        self, mails: MailDelivery, accounts: AccountStore, mailboxes: Mailboxes, links: ResetLinks, audit: Audit, *,
        locks: bool,
    ) -> None:  # fmt: skip
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._links = links
        self._audit = audit
        self._locks = locks

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._recover, self._renew)

    async def _recover(self, message: Message) -> Email | Dropped:
        secured = msgspec.json.decode(message.payload, type=AccountWasSecured)
        # First, since who has no mail yet has not unlocked it: each may be done again where a try came to nothing.
        if isinstance(self._accounts, EndsSessions):
            await self._accounts.end_sessions(secured.account_id)
        if self._locks and isinstance(self._accounts, LocksAccounts):
            await self._accounts.lock(secured.account_id)
        return await self._mail_link(message, secured)

    async def _renew(self, message: Message, link: Link, *, unseen: bool) -> Email | Dropped:
        """Send a fresh link in the place of one that expired on its way, whether or not somebody has the old one."""
        del link, unseen
        return await self._mail_link(message, msgspec.json.decode(message.payload, type=AccountWasSecured))

    async def _mail_link(self, message: Message, secured: AccountWasSecured) -> Email | Dropped:
        account, moment = await self._accounts.get(secured.account_id), now()
        refusal = _refusal(account, secured.email)
        if account is None or refusal:
            return await self._refuse(message, secured, refusal or "no_account", moment)
        addressed = msgspec.structs.replace(account, email=secured.email)
        mail = self._links.compose_recovery(addressed, secured.client, moment)
        sealed = self._mails.seal(mail)
        async with self._mails.database.transaction() as session:
            suppressed = await self._mailboxes.is_suppressed(session, secured.email, moment)
            if not suppressed:
                await self._links.store_recovery(session, mail, addressed, secured.client, moment)
                await self._mails.store(session, message, sealed)
            await self._record(session, message, secured, SUPPRESSED if suppressed else LINK_MAILED, moment)
            await session.commit()
        return Dropped(SUPPRESSED) if suppressed else mail.email

    async def _refuse(self, message: Message, secured: AccountWasSecured, refusal: str, moment: datetime) -> Dropped:
        async with self._mails.database.transaction() as session:
            await self._record(session, message, secured, refusal, moment)
            await session.commit()
        return Dropped(refusal)

    async def _record(
        self, session: AsyncSession, message: Message, secured: AccountWasSecured, outcome: str, moment: datetime
    ) -> None:
        await self._audit.write(
            session, "account_recovery", outcome, secured.client, at=moment, account_id=secured.account_id,
            email=secured.email, message_id=message.id,
        )  # fmt: skip


def _refusal(account: Account | None, email: str) -> _Refusal | None:
    """Return why the account gets no link. One that is locked and has another address by now needs an operator."""
    if account is None:
        return "no_account"
    if not account.takes_password:
        return "signs_in_elsewhere"
    if account.active:
        return None
    if not account.locked:
        return "disabled"
    return None if addresses.is_same_mailbox(account.email, email) else "address_changed"
