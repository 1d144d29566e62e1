"""Secures an account after the owner of a mailbox reports that a change of the password was not
theirs.

One transaction uses the link up, and ends Keyturn's own sessions and the links and codes that were
sent to this mailbox. It needs only the account's id, so it works while the store is down. It also
enqueues the rest, which the worker retries: the store's sessions, a lock, the mails, the app's
event. `docs/security.md` lists the states of an account.
"""

from typing import Final

from sqlalchemy import Connection

from keyturn.errors import SettingsInvalid
from keyturn.service import identifiers, one_time_secrets
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret, Purpose
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.reset.change_effects import ChangeEffects
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.audit import NOT_ME
from keyturn.service.reset.records.intrusions import press
from keyturn.service.reset.records.links import facts_of
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls

_SECURED: Final = "secured"


class AccountSecuring:
    """Secures accounts after a press of the button in a confirmation mail.

    Afterwards the worker (`recovery.py`) ends the store's sessions and recently added second
    factors, locks the account if the settings say so, and mails a link to the mailbox that pressed.
    The mailbox's cooldown does not apply, since a stranger could use it up.

    If the account has moved to another address, it is not locked, no link is sent, and its
    passkeys, factors and the like stay. The earlier mailbox may be an attacker's or the owner's,
    and Keyturn cannot tell which. Both mailboxes, the app and the operator are told.

    Raises SettingsInvalid if the settings ask for a lock that the store cannot set.
    """

    def __init__(self, settings: Settings, stores: Stores, effects: ChangeEffects) -> None:
        self._stores = stores
        self.meters = stores.meters
        self._effects = effects
        self.locks = settings.secure_account.lock
        if self.locks and not self._stores.accounts.can_lock:
            store = settings.accounts.store
            how = "set accounts.table.lock and unlock" if store == "table" else "remove the setting"
            raise SettingsInvalid.of(
                "secure_account.lock", f"the store {store} cannot lock accounts: {how}"
            )

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
        key = one_time_secrets.token_digest(token)
        link = await one_time_secrets.look_up(self._stores.database, key, Purpose.SECURE)
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
        if account is None:
            return False
        return identifiers.is_same_mailbox(account.email, facts_of(link).email)

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
            if error.not_changed:
                raise
            # The answer to the commit was lost, so the press may be stored.
            is_stored = await self._stores.database.read(
                lambda connection: self._has_pressed(connection, link, client)
            )
            if not is_stored:
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
        account_id = link.account_id
        email = facts_of(link).email
        moment = now()

        def write(tx: Transaction) -> str:
            tx.hold(account_id)
            outcome = _SECURED
            message_id = None
            if press(tx.connection, link, moment):
                # Links and codes of another mailbox stay: an earlier mailbox must not obstruct the
                # current one.
                self._effects.end_access_by(tx, account_id, moment, email)
                promise = messages.AccountWasSecured(
                    account_id=account_id, email=email, at=moment, client=client
                )
                message_id = tx.outbox.enqueue(messages.ACCOUNT_SECURED, promise)
            else:
                if self._has_pressed(tx.connection, link, client):
                    return _SECURED
                dead = one_time_secrets.find(tx.connection, link.key, Purpose.SECURE) or link
                outcome = f"link_{dead.dead_reason(moment) or 'invalid'}"
            tx.audit.write(
                NOT_ME, outcome, client, moment, account_id, email, message_id=message_id
            )
            return outcome

        return await self._stores.transact(write)

    def _has_pressed(self, connection: Connection, link: OneTimeSecret, client: Client) -> bool:
        """Tell whether this client has pressed the button, by its entry in the audit trail."""
        pressed = one_time_secrets.find(connection, link.key, Purpose.SECURE)
        if pressed is None or pressed.used_at is None or pressed.expires_at <= now():
            return False
        audit = self._stores.audit.within(connection)
        return audit.has(NOT_ME, _SECURED, client, pressed.used_at, link.account_id)
