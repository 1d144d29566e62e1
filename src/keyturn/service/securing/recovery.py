"""Recovers a secured account in the worker: ends the access that its store knows, locks the account
if the settings say so, and mails a link to the mailbox that pressed the button.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, Ended
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import ToStore
from keyturn.service.outbox.message import Dropped, Message, Settlement
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.reset.change_effects import valid_counts
from keyturn.service.reset.events import LINK_MAILED, AccountSecured, AppEvents, about
from keyturn.service.reset.link_mails import LinkMails
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.ports import FurtherProof
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.audit import ADDRESS_CHANGED
from keyturn.service.reset.records.mailboxes import SUPPRESSED
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log


class _Recovery(NamedTuple):
    """A secured account whose access has ended.

    `account`: the account afterwards; None if it is gone.
    `ended`: what its store has ended.
    `moment`: when that was.
    """

    secured: messages.AccountWasSecured
    account: Account | None
    ended: Ended
    moment: datetime

    @property
    def refusal(self) -> str | None:
        """Why the mailbox that pressed gets no link; None if it may get one."""
        if self.account is None:
            return "no_account"
        if not (self.account.active or self.account.locked):
            return "disabled"
        if _has_moved(self.account, self.secured):
            return ADDRESS_CHANGED
        if not self.account.takes_password:
            return "signs_in_elsewhere"
        return None


class _MailWithLink(NamedTuple):
    """A mail to store.

    `body`: the mail, encrypted, as its message keeps it.
    `secrets`: the secrets in it.
    """

    email: Email
    body: bytes
    secrets: Sequence[ToStore]


class AccountRecovery:
    """Handles the message that a press of "this was not me" leaves.

    `locks`: whether a secured account is locked.
    """

    def __init__(
        self,
        mails: MailDelivery,
        stores: Stores,
        links: LinkMails,
        events: AppEvents,
        further_proof: FurtherProof,
        *,
        locks: bool,
    ) -> None:
        self._mails = mails
        self._stores = stores
        self._links = links
        self._events = events
        self._further_proof = further_proof
        self._locks = locks

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._recover)

    async def _recover(self, message: Message) -> Email | Dropped:
        """End the access of the account, and store the mail with the link, if there is one."""
        secured = msgspec.json.decode(message.payload, type=messages.AccountWasSecured)
        recovery = await self._lock_and_end_access(secured)
        mail: _MailWithLink | None = None
        if recovery.account and not recovery.refusal:
            mail = self._write_mail(recovery, recovery.account)
        outcome = await self._stores.transact(lambda tx: self._store(tx, message, recovery, mail))
        if outcome == ADDRESS_CHANGED:
            reset_log.error(LogEvent("account.disputed", account_id=secured.account_id))
        if mail and outcome == LINK_MAILED:
            return mail.email
        return Dropped(outcome)

    def _store(
        self, tx: Transaction, message: Message, recovery: _Recovery, mail: _MailWithLink | None
    ) -> str:
        """Store the mail, the effects and the entry of the audit trail; return the outcome."""
        secured = recovery.secured
        tx.outbox.require(message)
        held = tx.hold(secured.account_id)
        outcome = recovery.refusal or LINK_MAILED
        if mail and tx.mailboxes.is_suppressed(secured.email):
            outcome = SUPPRESSED
        if mail and outcome == LINK_MAILED:
            tx.outbox.seal([(message, mail.body)])
            held.store(mail.secrets)
        if recovery.account:
            self._write_effects(tx, recovery.account, secured, outcome, recovery.ended)
        tx.audit.write(
            "account_recovery",
            outcome,
            secured.client,
            recovery.moment,
            secured.account_id,
            secured.email,
            message_id=message.id,
        )
        if outcome != LINK_MAILED:
            tx.outbox.drop([(message, outcome)])
        return outcome

    def _write_mail(self, recovery: _Recovery, account: Account) -> _MailWithLink:
        secured = recovery.secured
        moment = recovery.moment
        request = messages.ResetRequested(email=secured.email, at=moment, client=secured.client)
        composed, secrets = self._links.compose(account, request, moment, recovers=True)
        return _MailWithLink(composed.email, self._mails.seal(composed), secrets)

    async def _lock_and_end_access(self, secured: messages.AccountWasSecured) -> _Recovery:
        """Lock the account, and end its sessions.

        What else an intruder may have added ends only if the account still has the address of the
        mailbox that pressed.
        """
        accounts = self._stores.accounts
        end = accounts.end_sessions
        try:
            # The lock comes before the mail: only a reader of the mail can unlock the account.
            account = await accounts.get(secured.account_id)
            if not _has_moved(account, secured):
                end = accounts.end_intrusion
                account = await self._lock(account, secured)
        except Exception:
            # Sessions end all the same, and the worker tries both again.
            await end(secured.account_id)
            raise
        ended = await end(secured.account_id)
        return _Recovery(secured, account, valid_counts(ended), now())

    async def _lock(
        self, account: Account | None, secured: messages.AccountWasSecured
    ) -> Account | None:
        """Lock the account if secured accounts are locked; return the account afterwards.

        The store compares the address as it locks. A lock on an account that has moved to another
        address could not be undone by a later try, which would not know who set it.
        """
        if not account or not self._locks:
            return account
        await self._stores.accounts.lock(account)
        account = await self._stores.accounts.get(secured.account_id)
        if account and account.active and not _has_moved(account, secured):
            raise AccountsUnready("the account was changed while it was being locked")
        return account

    def _write_effects(
        self,
        tx: Transaction,
        account: Account,
        secured: messages.AccountWasSecured,
        outcome: str,
        ended: Ended,
    ) -> None:
        if outcome == ADDRESS_CHANGED:
            _dispute(tx, secured, secured.email, is_current=False)
            _dispute(tx, secured, account.email, is_current=True)
        else:
            self._further_proof.undo_recent(tx, account, secured.client)
        # The account may have another address by now.
        then = msgspec.structs.replace(account, email=secured.email)
        event = AccountSecured(
            **about(then, secured.client),
            current_email=account.email,
            locked=account.locked,
            ended=ended.counts,
        )
        self._events.write(tx, event, secured.at)


def _dispute(
    tx: Transaction, secured: messages.AccountWasSecured, email: str, *, is_current: bool
) -> None:
    disputed = messages.AddressDisputed(
        account_id=secured.account_id,
        at=secured.at,
        client=secured.client,
        email=email,
        is_current=is_current,
    )
    tx.outbox.enqueue(messages.ADDRESS_DISPUTED, disputed)


def _has_moved(account: Account | None, secured: messages.AccountWasSecured) -> bool:
    return account is not None and not identifiers.is_same_mailbox(account.email, secured.email)
