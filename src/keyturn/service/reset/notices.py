"""Mails the owner of an account that its password was changed, or what else happened to it."""

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import Purpose, ToStore
from keyturn.service.outbox.message import Dropped, Message, Settlement
from keyturn.service.reset.mails.composer import MailComposer
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.records.intrusions import is_outlived
from keyturn.service.reset.records.lifetimes import BUTTON_LIFE
from keyturn.service.reset.records.links import mint_link
from keyturn.service.reset.records.mailboxes import SUPPRESSED
from keyturn.service.reset.records.messages import UNSUPPRESSED, Notice
from keyturn.service.reset.stores import Stores, Transaction


class NoticeHandler:
    """Sends the mail of a notice (NIST SP 800-63B-4 4.6).

    The mail goes to the address that the account had at the event, since an attacker would change
    the address at once. If the notice `secures`, the mail has the button "this was not me" while
    that can work. If the account has another address by now, that one gets a copy without the
    button. A suppressed mailbox gets only the kinds of `UNSUPPRESSED`.
    """

    def __init__(
        self, mails: MailDelivery, stores: Stores, composer: MailComposer, payload: type[Notice]
    ) -> None:
        self._mails = mails
        self._stores = stores
        self._composer = composer
        self._decoder = msgspec.json.Decoder(payload)

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._prepare)

    async def _prepare(self, message: Message) -> Email | Dropped:
        notice = self._decoder.decode(message.payload)
        current = await self._stores.accounts.get(notice.account_id)
        if current is None:
            return Dropped("no_account")
        has_button = notice.secures and self._composer.offers_securing
        return await self._write(message, notice, current, has_button=has_button)

    async def _write(
        self, message: Message, notice: Notice, current: Account, *, has_button: bool
    ) -> Email | Dropped:
        """Store the mail. It has no button if the button's link would have ended by now."""
        moment = now()
        account = msgspec.structs.replace(current, email=notice.email)
        token, link = mint_link(account, Purpose.SECURE, notice.at, moment + BUTTON_LIFE)
        mail = self._composer.about(account, notice, token if has_button else "", link.expires_at)
        sealed = self._mails.seal(mail)

        def write(tx: Transaction) -> Email | Dropped | None:
            tx.outbox.require(message)
            held = tx.hold(account.id)
            if has_button and is_outlived(tx.connection, link):
                return None
            if notice.secures and not identifiers.is_same_mailbox(notice.email, current.email):
                copy = msgspec.structs.replace(notice, secures=False, email=current.email)
                tx.outbox.enqueue(message.kind, copy)
            if message.kind not in UNSUPPRESSED and tx.mailboxes.is_suppressed(account.email):
                tx.audit.write(
                    "confirmation",
                    SUPPRESSED,
                    notice.client,
                    moment,
                    account.id,
                    account.email,
                    message_id=message.id,
                )
                tx.outbox.drop([(message, SUPPRESSED)])
                return Dropped(SUPPRESSED)
            tx.outbox.seal([(message, sealed)])
            held.store([ToStore(link, is_wanted=has_button)])
            return mail.email

        written = await self._stores.transact(write)
        if written is None:
            # The button would have ended by now, and would promise what no press does.
            return await self._write(message, notice, current, has_button=False)
        return written
