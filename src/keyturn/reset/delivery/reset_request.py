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

LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"

_Outcome = Literal["no_account", "disabled", "link_mailed", "provider_mailed"] | Refusal


class ResetLinks:
    """Mints links and writes the mails that carry them."""

    def __init__(self, links: LinkStore, composer: MailComposer) -> None:
        self._links = links
        self._composer = composer

    async def compose(self, session: AsyncSession, account: Account, client: Client) -> SealedMail:
        """Return the mail with a fresh link, which is stored in the caller's transaction."""
        token, moment = tokens.mint(os.urandom), now()
        await self._links.add(session, tokens.digest(token), account.id, account.email, client, moment)
        return self._composer.with_link(account, token, client, lifetime=self._links.lifetime, moment=moment)

    def compose_about_expiry(self, account: Account, client: Client, asked_at: datetime) -> SealedMail:
        """Return the mail that says that a link which was asked for then has expired on its way."""
        return self._composer.about_expiry(account, client, asked_at)

    def compose_without(self, account: Account, client: Client) -> SealedMail:
        """Return the mail that says how an account without a password signs in."""
        return self._composer.about_provider(account, client)


class ResetRequestHandler:
    """Answers a request: with a link, with how to sign in, or not at all. The audit trail says which."""

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
        account = await self._accounts.find(request.email)
        async with self._mails.database.transaction() as session:
            outcome = await self._decide(session, account, now())
            await self._audit.write(
                session, "reset_request", outcome, request.client, at=request.at,
                account_id=account.id if account else "", email=request.email, message_id=message.id,
            )  # fmt: skip
            answer: Email | Dropped = Dropped(outcome)
            if account and outcome in (LINK_MAILED, PROVIDER_MAILED):
                mail = (
                    await self._links.compose(session, account, request.client)
                    if outcome == LINK_MAILED
                    else self._links.compose_without(account, request.client)
                )
                answer = await self._mails.store(session, message, mail)
                await self._events.reset_requested(session, account, request.client, outcome=outcome, moment=request.at)
            await session.commit()
        if not isinstance(answer, Dropped):
            self._events.wake()
        return answer

    async def _decide(self, session: AsyncSession, account: Account | None, moment: datetime) -> _Outcome:
        if account is None:
            return "no_account"
        if not account.active:
            return "disabled"
        if not await self._mailboxes.claim(session, account.email, moment):
            return await self._mailboxes.refusal(session, account.email, moment)
        return LINK_MAILED if account.has_password else PROVIDER_MAILED
