"""Somebody asked for a link: who gets which mail, and who gets none."""

import os
from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import now
from keyturn.mail.transports.email import Email
from keyturn.outbox import Dropped, Message, Settlement
from keyturn.reset.changes.app_events import AppEvents
from keyturn.reset.delivery.composer import MailComposer, SealedMail
from keyturn.reset.delivery.mail_delivery import MailDelivery, Renewal
from keyturn.reset.records import tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.mailboxes import Mailboxes, Refusal
from keyturn.reset.records.messages import ResetRequested
from keyturn.webhooks.events import Outcome

LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"

_Outcome = Literal["no_account", "disabled"] | Refusal | Outcome


class ResetLinks:
    """Mints links and writes the mails that carry them."""

    def __init__(self, links: LinkStore, composer: MailComposer) -> None:
        self._links = links
        self._composer = composer

    def compose(self, account: Account, client: Client, moment: datetime) -> SealedMail:
        """Return the mail with a fresh link; for an account without a password, the one that says how it signs in."""
        if not account.has_password:
            return self._composer.about_provider(account, client)
        token = tokens.mint(os.urandom)
        return self._composer.with_link(account, token, client, lifetime=self._links.lifetime, moment=moment)

    async def store(
        self, session: AsyncSession, mail: SealedMail, account: Account, client: Client, moment: datetime, *,
        wanted: bool,
    ) -> None:  # fmt: skip
        """Store the link of a mail that was composed at that moment; where it is not `wanted`, with the same work."""
        digest = mail.link or tokens.digest("")
        await self._links.add(session, digest, account.id, account.email, client, moment, wanted=wanted)

    def compose_about_expiry(self, account: Account, client: Client, asked_at: datetime) -> SealedMail:
        """Return the mail that says that a link which was asked for then has expired on its way."""
        return self._composer.about_expiry(account, client, asked_at)


class ResetRequestHandler:
    """Answers a request: with a link, with how to sign in, or not at all. The audit trail says which.

    What is done is the same for every address until the mail leaves, or does not: a mail is rendered and sealed, for
    nobody where there is no account, and the same statements run, so that neither this process's time nor the
    database's tells whose address it was (OWASP ASVS 6.3.8).
    """

    def __init__(
        self, mails: MailDelivery, accounts: AccountStore, mailboxes: Mailboxes, links: ResetLinks, audit: Audit,
        events: AppEvents, renew: Renewal,
    ) -> None:  # fmt: skip
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._links = links
        self._audit = audit
        self._events = events
        self._renew = renew

    async def __call__(self, message: Message) -> Settlement:
        return await self._mails.deliver(message, self._answer, self._renew)

    async def _answer(self, message: Message) -> Email | Dropped:
        request = msgspec.json.decode(message.payload, type=ResetRequested)
        client = request.client
        found = await self._accounts.find(request.email)
        account, moment = found or Account(id="", email=request.email), now()
        mail = self._links.compose(account, client, moment)
        sealed = self._mails.seal(mail)
        async with self._mails.database.transaction() as session:
            outcome = await self._decide(session, found, account, moment)
            mailed: Outcome | None = outcome if outcome in (LINK_MAILED, PROVIDER_MAILED) else None
            await self._audit.write(
                session, "reset_request", outcome, client, at=request.at,
                account_id=account.id, email=request.email, message_id=message.id,
            )  # fmt: skip
            await self._links.store(session, mail, account, client, moment, wanted=outcome == LINK_MAILED)
            await self._mails.store(session, message, sealed if mailed else None)
            await self._events.reset_requested(
                session, account, client, outcome=mailed or LINK_MAILED, moment=request.at, wanted=bool(mailed)
            )
            await session.commit()
        if not mailed:
            return Dropped(outcome)
        self._events.wake()
        return mail.email

    async def _decide(
        self, session: AsyncSession, found: Account | None, account: Account, moment: datetime
    ) -> _Outcome:
        """Claim the mailbox of `account`, which is nobody's where none was `found`; say what follows."""
        mailable = found is not None and found.active
        refusal = await self._mailboxes.refusal(session, account.email, moment)
        claimed = await self._mailboxes.claim(session, account.email, moment, wanted=mailable)
        if found is None:
            return "no_account"
        if not found.active:
            return "disabled"
        if not claimed:
            return refusal
        return LINK_MAILED if found.has_password else PROVIDER_MAILED
