"""Tells the owner of an account by mail that its password was changed, or what else happened to it."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now, random_bytes
from keyturn.service.outbox import Dropped, Message, Settlement
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.mails.composer import MailComposer, SealedMail, SecureToken
from keyturn.service.reset.mails.delivery import SUPPRESSED, MailDelivery
from keyturn.service.reset.records.links import BUTTON_LIFE, LinkFacts, new_link
from keyturn.service.reset.records.messages import (
    PASSWORD_CHANGED,
    SECOND_STEP_CHANGED,
    PasswordWasChanged,
    SecondStepWasChanged,
)
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.secrets import Purpose, Secret


class ConfirmationHandler:
    """Confirms a change to the account's owner (NIST SP 800-63B 4.6), unless the mailbox is suppressed.

    The mail goes to the address that the account had when its password was changed: an attacker would change the
    address at once. If the account has another address by now, that one gets a mail, too, as a separate message. Only
    the first mail has the link that secures the account, since recovery happens at the address that got it.
    """

    kind = PASSWORD_CHANGED
    payload: type[PasswordWasChanged | SecondStepWasChanged] = PasswordWasChanged

    def __init__(self, mails: MailDelivery, ground: Ground, composer: MailComposer) -> None:
        self._mails = mails
        self._accounts, self._records = ground.accounts, ground.records
        self._composer = composer

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._confirm)

    async def _confirm(self, message: Message) -> Email | Dropped:
        change = msgspec.json.decode(message.payload, type=self.payload)
        account = await self._accounts.get(change.account_id)
        if account is None:
            return Dropped("no_account")
        copy = msgspec.structs.replace(change, secures=False, email=account.email)
        is_copied = change.secures and not addresses.is_same_mailbox(change.email or account.email, account.email)
        account = msgspec.structs.replace(account, email=change.email or account.email)
        secure = self._mint() if change.secures else None
        mail = self._compose(account, change, secure)
        sealed = self._mails.seal(mail)

        def write(tx: Transaction) -> Email | Dropped:
            tx.outbox.require(message)
            if is_copied:
                tx.outbox.enqueue(self.kind, copy)
            if tx.mailboxes.is_suppressed(account.email, now()):
                tx.audit.write(
                    "confirmation", SUPPRESSED, change.client, now(), account.id, account.email, message_id=message.id
                )
                tx.outbox.drop([(message, SUPPRESSED)])
                return Dropped(SUPPRESSED)
            tx.outbox.seal([(message, sealed)])
            if secure:
                secrets.add(tx.connection, [(_new_link(secure, account, change), True)])
            return mail.email

        answer = await self._records.transact(write)
        if is_copied:
            self._records.outbox.wake()
        return answer

    def _compose(self, account: Account, change: Any, secure: SecureToken | None) -> SealedMail:
        return self._composer.about_change(account, change, secure)

    def _mint(self) -> SecureToken | None:
        """Return a token for the button, unless there is none."""
        if not self._composer.offers_securing:
            return None
        return SecureToken(token=secrets.mint(random_bytes), expires_at=now() + BUTTON_LIFE, lifetime=BUTTON_LIFE)


def _new_link(secure: SecureToken, account: Account, change: PasswordWasChanged | SecondStepWasChanged) -> Secret:
    """Return the link of the button; its time is that of the change."""
    facts = LinkFacts(email=account.email)
    return new_link(secrets.digest(secure.token), Purpose.SECURE, account.id, facts, change.at, secure.expires_at)


class FactorsHandler(ConfirmationHandler):
    """Tells the owner of a change of the account's second factors in the same way."""

    kind = SECOND_STEP_CHANGED
    payload = SecondStepWasChanged

    def _compose(self, account: Account, change: Any, secure: SecureToken | None) -> SealedMail:
        return self._composer.about_factors(account, change, secure)


class _Notice(Protocol):
    """A notice: the account it is about, and the mailbox that gets it."""

    @property
    def account_id(self) -> str: ...

    @property
    def email(self) -> str: ...


_Payload = TypeVar("_Payload", bound=_Notice)


class NoticeHandler(Generic[_Payload]):
    """Sends the payload's mailbox the mail that `compose` writes from the account and the payload.

    That is the mailbox that the event is about, whatever address the account has by now (NIST SP 800-63B-4 4.6). A
    suppressed mailbox gets nothing.
    """

    def __init__(
        self,
        mails: MailDelivery,
        ground: Ground,
        payload: type[_Payload],
        compose: Callable[[Account, _Payload], SealedMail],
    ) -> None:
        self._mails = mails
        self._accounts, self._records = ground.accounts, ground.records
        self._decoder = msgspec.json.Decoder(payload)
        self._compose = compose

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._tell)

    async def _tell(self, message: Message) -> Email | Dropped:
        notice = self._decoder.decode(message.payload)
        account = await self._accounts.get(notice.account_id)
        if account is None:
            return Dropped("no_account")
        mail = self._compose(msgspec.structs.replace(account, email=notice.email), notice)
        sealed = self._mails.seal(mail)

        def write(tx: Transaction) -> Email | Dropped:
            tx.outbox.require(message)
            if tx.mailboxes.is_suppressed(notice.email, now()):
                tx.outbox.drop([(message, SUPPRESSED)])
                return Dropped(SUPPRESSED)
            tx.outbox.seal([(message, sealed)])
            return mail.email

        return await self._records.transact(write)
