"""A provider was away for longer than a link lives: what the person gets instead of a dead link."""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import now
from keyturn.mail.port.email import Email
from keyturn.outbox import Dropped, Message
from keyturn.reset.delivery.composer import SealedMail
from keyturn.reset.delivery.mail_delivery import MailDelivery
from keyturn.reset.delivery.reset_links import ResetLinks
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.link_store import Link, LinkStore
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import ResetRequested, event_of

_Outcome = Literal[
    "no_account",
    "disabled",
    "needs_no_invitation",
    "suppressed",
    "muted",
    "superseded",
    "provider_mailed",
    "link_renewed",
    "expiry_mailed",
]

_MAILED = {"provider_mailed", "link_renewed", "expiry_mailed"}


class LinkRenewal:
    """Answers a request anew. Where certainly nobody has the old mail, with a fresh link.

    Where somebody may have it, a second mail with a link would look like a second request: the person is told that the
    first came too late, and asks again. For whom an operator asked did not do so, and gets a fresh link, as does who
    has locked the account. Of several
    requests of an account the newest alone is answered. The mailbox's cooldown is not asked again: this mail stands in
    for one that it has let through.
    """

    def __init__(
        self,
        mails: MailDelivery,
        accounts: AccountStore,
        mailboxes: Mailboxes,
        store: LinkStore,
        links: ResetLinks,
        audit: Audit,
    ) -> None:
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._store = store
        self._links = links
        self._audit = audit

    async def __call__(self, message: Message, link: Link, *, unseen: bool) -> Email | Dropped:
        request = msgspec.json.decode(message.payload, type=ResetRequested)
        account, moment = await self._accounts.find(request.email), now()
        mail = await self._compose(account, request, moment, unseen=unseen) if account else None
        sealed = self._mails.seal(mail) if mail else None

        def renew(connection: Connection) -> Email | Dropped:
            outcome = self._decide(connection, account, request, link, moment, unseen=unseen)
            self._audit.write(
                connection,
                event_of(request),
                outcome,
                request.client,
                at=moment,
                account_id=account.id if account else "",
                email=request.email,
                message_id=message.id,
            )
            if not (account and mail and outcome in _MAILED):
                return Dropped(outcome)
            self._links.store(connection, [(mail, account, request, outcome == "link_renewed")], moment)
            self._mails.store(connection, message, sealed)
            return mail.email

        return await self._mails.database.transact(renew)

    async def _compose(
        self, account: Account, request: ResetRequested, moment: datetime, *, unseen: bool
    ) -> SealedMail:
        if unseen or request.by_operator or account.locked or not account.takes_password:
            without_code = account.email in await self._links.without_code({account.email})
            return self._links.compose(account, request, moment, without_code=without_code)
        return self._links.compose_about_expiry(account, request.client, request.at)

    def _decide(
        self,
        connection: Connection,
        account: Account | None,
        request: ResetRequested,
        link: Link,
        moment: datetime,
        *,
        unseen: bool,
    ) -> _Outcome:
        if account is None:
            return "no_account"
        if not (account.active or (account.locked and link.recovers and link.account_id == account.id)):
            return "disabled"
        if request.invited and not account.awaits_password:
            return "needs_no_invitation"
        if self._mailboxes.is_suppressed(connection, account.email, moment):
            return "suppressed"
        if self._mailboxes.is_muted(connection, account.email, moment):
            return "muted"
        if self._store.has_newer(connection, link):
            return "superseded"
        if not account.takes_password:
            return "provider_mailed"
        return "link_renewed" if unseen or request.by_operator or account.locked else "expiry_mailed"
