"""What a new password brings with it, in the transaction that ends the change."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from keyturn.accounts.port import Account
from keyturn.accounts.sessions import Sessions
from keyturn.outbox import Outbox
from keyturn.reset.changes.app_events import AppEvents
from keyturn.reset.proofs.code_store import CodeStore
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.messages import PASSWORD_CHANGED, How, PasswordWasChanged
from keyturn.reset.records.secure_links import SecureLinkStore

_EVENTS: dict[How, str] = {"reset": "password_reset", "change": "password_change"}


class ChangeEffects:
    """Writes what follows a change of a password, in the transaction that ends it.

    `codes` is there where mails have one.
    """

    def __init__(
        self,
        sessions: Sessions,
        links: LinkStore,
        secure_links: SecureLinkStore,
        outbox: Outbox,
        audit: Audit,
        events: AppEvents,
        codes: CodeStore | None = None,
    ) -> None:
        self._codes = codes
        self._secure_links = secure_links
        self._sessions = sessions
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._events = events

    def write(
        self,
        connection: Connection,
        account: Account,
        client: Client,
        how: How,
        moment: datetime,
        *,
        outcome: Literal["changed", "interrupted"] = "changed",
        proven: bool = False,
    ) -> None:
        """End the account's other links and its sessions, promise the confirmation, tell the app, audit it.

        `proven`: the change took more than a mailbox. The earlier mailboxes of the account then lose their say.
        """
        # Who took the account over may change the password once more: the owner's link to start anew survives that.
        self.end_access(connection, account.id, moment, spares_recovery=how == "change")
        if proven:
            self._secure_links.end_elsewhere(connection, account.id, account.email, moment)
        change = PasswordWasChanged(account_id=account.id, at=moment, client=client, email=account.email)
        confirmation = self._outbox.enqueue(connection, PASSWORD_CHANGED, change)
        self._events.password_changed(connection, account, client, how=how, moment=moment)
        self._audit.write(
            connection,
            _EVENTS[how],
            outcome,
            client,
            at=moment,
            account_id=account.id,
            email=account.email,
            message_id=confirmation,
        )

    def end_access(
        self,
        connection: Connection,
        account_id: str,
        moment: datetime,
        *,
        mailbox: str | None = None,
        spares_recovery: bool = False,
    ) -> None:
        """End the account's links, its codes and its sessions alone; of links and codes, those that the `mailbox` has.

        The caller holds the account. `spares_recovery` as in `LinkStore.revoke_all`.
        """
        self._links.revoke_all(connection, account_id, moment, mailbox=mailbox, spares_recovery=spares_recovery)
        if self._codes:
            self._codes.revoke_all(connection, account_id, moment, mailbox=mailbox)
        # OWASP ASVS 7.4.3: a change of password can end all other sessions; here it always does.
        self._sessions.end_all(connection, account_id)
