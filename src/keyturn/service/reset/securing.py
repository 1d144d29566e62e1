"""Secures an account after the owner of a mailbox reports that a change of the password was not theirs.

One transaction uses the link up and ends Keyturn's own sessions, and the links and codes that went to this mailbox. It
needs only the account's id, so it works while the store is down. All work that needs the account is enqueued in the
same transaction: the store's sessions, a lock, the mails, the app's event. The worker retries it until it succeeds
(`RecoveryHandler`). `docs/security.md` lists the states of an account and who may change each.
"""

import asyncio
from datetime import datetime
from typing import Final

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account, Ended
from keyturn.service.accounts.store_factory import locks_accounts
from keyturn.service.clock import now
from keyturn.service.outbox import Dropped, Message, Settlement
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.reset.answer import LINK_MAILED, ResetLinks
from keyturn.service.reset.change import ChangeEffects, counted
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.mails.delivery import SUPPRESSED, MailDelivery
from keyturn.service.reset.proofs.second_step.required import RequiredSecondStep
from keyturn.service.reset.records.audit import ADDRESS_CHANGED
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.links import Link, find_link, press
from keyturn.service.reset.records.messages import ACCOUNT_SECURED, ADDRESS_DISPUTED, AccountWasSecured, AddressDisputed
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.secrets import Purpose
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_EVENT = "account_secured"
"""The event's name in the audit trail."""

_SECURED: Final = "secured"


class AccountSecuring:
    """Secures accounts by the buttons of confirmation mails. `locks`: a press locks an account that has not moved."""

    def __init__(self, ground: Ground, effects: ChangeEffects, *, locks: bool) -> None:
        self._records = ground.records
        self._accounts = ground.accounts
        self._limits = ground.limits
        self._effects = effects
        self.meters = ground.meters
        self.locks = locks

    async def check(self, token: str, client: Client) -> Link:
        """Return the link without using it up. Raises SecurityLinkDead, TooManyRequests."""
        await self._limits.count("validate", client)
        link = await self._find(token)
        if link is None or link.dead_reason(now()):
            raise SecurityLinkDead
        return link

    async def _find(self, token: str) -> Link | None:
        key = secrets.digest(token)
        return await self._records.database.read(lambda connection: find_link(connection, key, Purpose.SECURE))

    async def will_lock(self, link: Link) -> bool:
        """Tell whether a press would lock the account, by its store's current state."""
        if not self.locks:
            return False
        try:
            account = await self._accounts.get(link.account_id)
        except AccountsUnready:
            return True
        return account is not None and addresses.is_same_mailbox(account.email, link.email)

    @count_calls("secure")
    async def secure(self, token: str, client: Client) -> None:
        """Use the link up, end sessions and links, and enqueue the work that follows. It is committed on return.

        Every fault of the link gets the same answer. Raises SecurityLinkDead, TooManyRequests.
        """
        await self._limits.count("reset", client)
        link = await self._find(token)
        if link is None:  # not recorded: invented tokens would fill the audit trail
            raise SecurityLinkDead
        moment = now()
        try:
            outcome = await self._secure(link, client, moment)
        except DatabaseUnready as error:
            # If the answer to the commit was lost, the press may be stored: its link would be refused at the next try.
            link = await self._find(token) or link
            if error.not_committed or link.used_at != moment:
                raise
            outcome = _SECURED
        if outcome != _SECURED:
            reset_log.warning(LogEvent("account.not_secured", account_id=link.account_id, reason=outcome))
            raise SecurityLinkDead
        self._records.outbox.wake()
        reset_log.warning(LogEvent("account.secured", account_id=link.account_id))

    async def _secure(self, link: Link, client: Client, moment: datetime) -> str:
        """Secure the account if the link still works, commit, and return the outcome for the audit trail.

        A press of a dead link is recorded, too: its owner may need an operator (ASVS 16.3.3).
        """
        account_id = link.account_id

        def write(tx: Transaction) -> str:
            tx.hold(account_id)
            outcome, message_id = _SECURED, None
            if press(tx.connection, link, moment):
                # Links and codes of another mailbox stay: an earlier mailbox must not obstruct the current one.
                self._effects.end_access(tx, account_id, moment, mailbox=link.email)
                promise = AccountWasSecured(account_id=account_id, email=link.email, at=moment, client=client)
                message_id = tx.outbox.enqueue(ACCOUNT_SECURED, promise)
            else:
                dead = find_link(tx.connection, link.key, Purpose.SECURE) or link
                outcome = "link_used" if dead.used_at else "link_expired"
            tx.audit.write(_EVENT, outcome, client, moment, account_id, link.email, message_id=message_id)
            return outcome

        return await self._records.transact(write)


def build(settings: Settings, ground: Ground, effects: ChangeEffects) -> AccountSecuring:
    """Return it. Raises SettingsInvalid if the settings lock accounts and the store cannot."""
    return AccountSecuring(ground, effects, locks=locks_accounts(settings, ground.accounts))


class RecoveryHandler:
    """Ends the store's sessions, locks the account if `locks` is set, and mails a link to its owner.

    The link goes to the mailbox that secured the account, as long as it is the account's mailbox. The mailbox's
    cooldown does not delay the mail: its owner has just requested it, once, and a stranger could use those up.
    Second factors that were added recently end (`second_step/own_step.py`).
    If the account has moved, it is not locked, no link is sent, and its passkeys, factors and the like stay. An earlier
    mailbox may be an attacker's or the owner's, and Keyturn cannot tell which. Both mailboxes, the app and the operator
    are told; the operator decides.
    """

    def __init__(
        self,
        mails: MailDelivery,
        ground: Ground,
        links: ResetLinks,
        events: AppEvents,
        *,
        locks: bool,
        second_step: RequiredSecondStep,
    ) -> None:
        self._second_step = second_step
        self._mails = mails
        self._accounts, self._records = ground.accounts, ground.records
        self._links = links
        self._events = events
        self._locks = locks

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._recover)

    async def _recover(self, message: Message) -> Email | Dropped:
        secured = msgspec.json.decode(message.payload, type=AccountWasSecured)
        (found,) = await asyncio.gather(self._accounts.get(secured.account_id), return_exceptions=True)
        # First, since a recipient without the mail cannot have unlocked the account. Both calls run even if the other
        # fails; after a failure, both are repeated.
        account, ending = await asyncio.gather(
            self._lock(secured, found), self._end_sessions(secured, found), return_exceptions=True
        )
        if isinstance(ending, BaseException):
            raise ending
        if isinstance(account, BaseException):
            raise account
        return await self._answer(message, secured, account, ending)

    async def _end_sessions(self, secured: AccountWasSecured, found: Account | BaseException | None) -> Ended:
        """End the store's sessions and, if the account has not moved, what only an intrusion ends.

        Sessions end even if the account could not be read yet, and the error was `found`.
        """
        is_here = not isinstance(found, BaseException) and not _has_moved(found, secured)
        end = self._accounts.end_intrusion if is_here else self._accounts.end_sessions
        return counted(await end(secured.account_id))

    async def _lock(self, secured: AccountWasSecured, found: Account | BaseException | None) -> Account | None:
        """Lock the account if `locks` is set and it has not moved; return its state afterwards. Raises `found`.

        The store compares the address when it locks: a lock on an account that has moved could not be undone by a
        later try, which would not know whose lock it is.
        """
        if isinstance(found, BaseException):
            raise found
        if not found or not self._locks or _has_moved(found, secured):
            return found
        await self._accounts.lock(found)
        return await self._accounts.get(secured.account_id)

    async def _answer(
        self, message: Message, secured: AccountWasSecured, account: Account | None, ended: Ended
    ) -> Email | Dropped:
        """Write the outcome, and return the mail. `ended`: what this press has ended."""
        moment, refusal = now(), _refusal(account, secured)
        is_mailed = account and not refusal
        mail = self._links.compose_recovery(account, secured.client, moment) if account and is_mailed else None
        sealed = self._mails.seal(mail) if mail else None

        def write(tx: Transaction) -> str:
            tx.held.require(message)
            is_suppressed = mail and tx.mailboxes.is_suppressed(secured.email, moment)
            outcome = refusal or (SUPPRESSED if is_suppressed else LINK_MAILED)
            if account and mail and outcome == LINK_MAILED:
                tx.held.seal([(message, sealed)])
                self._links.store_recovery(tx, mail, account, moment)
            if account and outcome == ADDRESS_CHANGED:
                self._dispute(tx, account, secured)
            elif account:
                self._second_step.undo_recent(tx, account, secured.client)
            if account:
                self._events.account_secured(tx, account, secured, ended=ended)
            tx.audit.write(
                "account_recovery",
                outcome,
                secured.client,
                moment,
                secured.account_id,
                secured.email,
                message_id=message.id,
            )
            if outcome != LINK_MAILED:
                tx.held.drop([(message, outcome)])
            return outcome

        outcome = await self._records.transact(write)
        self._records.outbox.wake()
        if outcome == ADDRESS_CHANGED:
            reset_log.error(LogEvent("account.disputed", account_id=secured.account_id))
        return mail.email if mail and outcome == LINK_MAILED else Dropped(outcome)

    def _dispute(self, tx: Transaction, account: Account, secured: AccountWasSecured) -> None:
        """Enqueue a mail to the earlier mailbox and a mail to the current one."""
        for email, is_current in ((secured.email, False), (account.email, True)):
            disputed = AddressDisputed(account_id=account.id, email=email, client=secured.client, is_current=is_current)
            tx.outbox.enqueue(ADDRESS_DISPUTED, disputed)


def _has_moved(account: Account | None, secured: AccountWasSecured) -> bool:
    return account is not None and not addresses.is_same_mailbox(account.email, secured.email)


def _refusal(account: Account | None, secured: AccountWasSecured) -> str | None:
    """Return the reason why the mailbox that secured the account gets no link."""
    if account is None:
        return "no_account"
    if not (account.active or account.locked):
        return "disabled"
    if _has_moved(account, secured):
        return ADDRESS_CHANGED
    return None if account.takes_password else "signs_in_elsewhere"
