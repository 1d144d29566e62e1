"""Secures an account after the owner of a mailbox reports that a change of the password was not
theirs.

One transaction uses the link up, and ends Keyturn's own sessions and the links and codes that were
sent to this mailbox. It needs only the account's id, so it works while the store is down. It also
enqueues the rest, which the worker retries: the store's sessions, a lock, the mails, the app's
event. `docs/security.md` lists the states of an account.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.email import Email
from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account, Ended
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose
from keyturn.service.outbox.message import Dropped, Message
from keyturn.service.outbox.worker import Handler
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.reset.change_effects import ChangeEffects, counted
from keyturn.service.reset.events import AccountSecured
from keyturn.service.reset.mails.delivery import SUPPRESSED, MailDelivery
from keyturn.service.reset.ports import SecondProof
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.audit import ADDRESS_CHANGED, NOT_ME
from keyturn.service.reset.records.links import press
from keyturn.service.reset.reset_links import LINK_MAILED, ResetLinks
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_SECURED: Final = "secured"


class AccountSecuring:
    """Secures accounts after a press of the button in a confirmation mail.

    Afterwards the worker ends the store's sessions and recently added second factors, locks the
    account if the settings say so, and mails a link to the mailbox that pressed. The mailbox's
    cooldown does not apply, since a stranger could use it up.

    If the account has moved to another address, it is not locked, no link is sent, and its
    passkeys, factors and the like stay. The earlier mailbox may be an attacker's or the owner's,
    and Keyturn cannot tell which. Both mailboxes, the app and the operator are told.

    Raises SettingsInvalid if the settings ask for a lock that the store cannot set.
    """

    def __init__(
        self, settings: Settings, stores: Stores, effects: ChangeEffects, second_step: SecondProof
    ) -> None:
        self._stores, self.meters = stores, stores.meters
        self._effects, self._second_step = effects, second_step
        self.locks, store = settings.secure_account.lock, settings.accounts.store
        if self.locks and not self._stores.accounts.can_lock:
            how = "set accounts.table.lock and unlock" if store == "table" else "remove the setting"
            raise SettingsInvalid.of(
                "secure_account.lock", f"the store {store} cannot lock accounts: {how}"
            )

    def handlers(self, mails: MailDelivery, links: ResetLinks) -> Mapping[str, Handler]:
        return {
            messages.ACCOUNT_SECURED: partial(
                mails.deliver, prepare=partial(self._recover, mails, links)
            )
        }

    async def check(self, token: str, client: Client) -> OneTimeSecret:
        """Return the link without using it up. Raises SecurityLinkDead, TooManyRequests."""
        await self._stores.limits.count("validate", client)
        link = await self._find(token)
        if link.dead_reason(now()):
            raise SecurityLinkDead
        return link

    async def _find(self, token: str) -> OneTimeSecret:
        """Return the link.

        Raises SecurityLinkDead for an unknown token. The audit trail does not record it: invented
        tokens would fill the trail.
        """
        key = one_time_secrets.digest(token)
        link = await self._stores.database.read(
            lambda connection: one_time_secrets.find(connection, key, Purpose.SECURE)
        )
        if link is None:
            raise SecurityLinkDead
        return link

    async def will_lock(self, link: OneTimeSecret) -> bool:
        """Tell whether a press would lock the account, as it is now.

        True if its store does not answer: the lock is then tried later.
        """
        if not self.locks:
            return False
        try:
            account = await self._stores.accounts.get(link.account_id)
        except AccountsUnready:
            return True
        return account is not None and addresses.is_same_mailbox(account.email, link.facts.email)

    @count_calls("secure")
    async def secure(self, token: str, client: Client) -> None:
        """Use the link up, end sessions and links, and enqueue the work that follows.

        All this is committed on return. A client whose press is stored already gets the same answer
        again. Raises SecurityLinkDead, TooManyRequests, DatabaseUnready.
        """
        await self._stores.limits.count("reset", client)
        link = await self._find(token)
        try:
            outcome = await self._secure(link, client)
        except DatabaseUnready as error:
            # If the answer to the commit was lost, the press may be stored.
            if error.not_changed or not await self._stores.database.read(
                lambda one: self._has(one, link, client)
            ):
                raise
            outcome = _SECURED
        if outcome != _SECURED:
            reset_log.warning(
                LogEvent("account.not_secured", account_id=link.account_id, reason=outcome)
            )
            raise SecurityLinkDead
        reset_log.warning(LogEvent("account.secured", account_id=link.account_id))

    async def _secure(self, link: OneTimeSecret, client: Client) -> str:
        """Secure the account if the link still works, and return the outcome.

        The audit trail records it, also for a dead link (ASVS 16.3.3).
        """
        account_id, email, moment = link.account_id, link.facts.email, now()

        def write(tx: Transaction) -> str:
            tx.hold(account_id)
            outcome, message_id = _SECURED, None
            if press(tx.connection, link, moment):
                # Links and codes of another mailbox stay: an earlier mailbox must not obstruct the
                # current one.
                self._effects.end_access_by(tx, account_id, moment, email)
                promise = messages.AccountWasSecured(
                    account_id=account_id, email=email, at=moment, client=client
                )
                message_id = tx.outbox.enqueue(messages.ACCOUNT_SECURED, promise)
            else:
                if self._has(tx.connection, link, client):
                    return _SECURED
                dead = one_time_secrets.find(tx.connection, link.key, Purpose.SECURE) or link
                outcome = f"link_{dead.dead_reason(moment) or 'invalid'}"
            tx.audit.write(
                NOT_ME, outcome, client, moment, account_id, email, message_id=message_id
            )
            return outcome

        return await self._stores.transact(write)

    def _has(self, connection: Connection, link: OneTimeSecret, client: Client) -> bool:
        """Tell whether this client has pressed the button, by its entry in the audit trail."""
        pressed = one_time_secrets.find(connection, link.key, Purpose.SECURE)
        if pressed is None or pressed.used_at is None or pressed.expires_at <= now():
            return False
        audit = self._stores.audit.within(connection)
        return audit.has(NOT_ME, _SECURED, client, pressed.used_at, link.account_id)

    async def _recover(
        self, mails: MailDelivery, links: ResetLinks, message: Message
    ) -> Email | Dropped:
        secured = msgspec.json.decode(message.payload, type=messages.AccountWasSecured)
        end = self._stores.accounts.end_sessions
        try:
            # The lock comes before the mail: only a reader of the mail can unlock the account.
            account = await self._stores.accounts.get(secured.account_id)
            if not _has_moved(account, secured):
                end = self._stores.accounts.end_intrusion
                account = await self._lock(account, secured)
        except Exception:  # sessions end all the same, and the worker tries both again
            await end(secured.account_id)
            raise
        ended = counted(await end(secured.account_id))
        moment, refusal = now(), _refusal(account, secured)
        request = messages.ResetRequested(email=secured.email, at=moment, client=secured.client)
        written = (
            links.compose(account, request, moment, recovers=True)
            if account and not refusal
            else None
        )
        mail, minted = written or (None, [])
        sealed = mails.seal(mail) if mail else None

        def write(tx: Transaction) -> str:
            tx.outbox.require(message)
            held = tx.hold(secured.account_id)
            is_suppressed = mail and tx.mailboxes.is_suppressed(secured.email)
            outcome = refusal or (SUPPRESSED if is_suppressed else LINK_MAILED)
            if outcome == LINK_MAILED:
                tx.outbox.seal([(message, sealed)])
                held.mint(minted)
            if account:
                self._write_effects(tx, account, secured, outcome, ended)
            whose = secured.client, moment, secured.account_id, secured.email
            tx.audit.write("account_recovery", outcome, *whose, message_id=message.id)
            if outcome != LINK_MAILED:
                tx.outbox.drop([(message, outcome)])
            return outcome

        outcome = await self._stores.transact(write)
        if outcome == ADDRESS_CHANGED:
            reset_log.error(LogEvent("account.disputed", account_id=secured.account_id))
        return mail.email if mail and outcome == LINK_MAILED else Dropped(outcome)

    async def _lock(
        self, account: Account | None, secured: messages.AccountWasSecured
    ) -> Account | None:
        """Lock the account if `locks` is set; return the account afterwards.

        The store compares the address as it locks. A lock on an account that has moved to another
        address could not be undone by a later try, which would not know who set it.
        """
        if not account or not self.locks:
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
        of, by = account.id, secured.client
        if outcome == ADDRESS_CHANGED:
            for email, is_current in ((secured.email, False), (account.email, True)):
                disputed = messages.AddressDisputed(
                    account_id=of, at=secured.at, client=by, email=email, is_current=is_current
                )
                tx.outbox.enqueue(messages.ADDRESS_DISPUTED, disputed)
        else:
            self._second_step.undo_recent(tx, account, by)
        # The account may have another address by now.
        self._effects.events.write(
            tx,
            AccountSecured,
            msgspec.structs.replace(account, email=secured.email),
            by,
            secured.at,
            current_email=account.email,
            locked=account.locked,
            ended=ended.counts,
        )


def _has_moved(account: Account | None, secured: messages.AccountWasSecured) -> bool:
    return account is not None and not addresses.is_same_mailbox(account.email, secured.email)


def _refusal(account: Account | None, secured: messages.AccountWasSecured) -> str | None:
    if account is None:
        return "no_account"
    if not (account.active or account.locked):
        return "disabled"
    if _has_moved(account, secured):
        return ADDRESS_CHANGED
    return None if account.takes_password else "signs_in_elsewhere"
