"""From an intent in the outbox to a mail at the provider: what the relay calls for each message.

The mail is rendered once, in the transaction that stores its link, and kept sealed in its outbox row: a retry under
the same idempotency key must send the identical body, also after a deploy has changed a template.
"""

import os
from datetime import timedelta
from typing import Final, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import Database, now
from keyturn.errors import AccountsUnready, SendRefused, SendRetryable
from keyturn.mail.transports.email import Email
from keyturn.outbox import Dropped, Message, Outbox, Seal, SealBroken, Settlement
from keyturn.reset.changes.app_events import AppEvents
from keyturn.reset.changes.external_store import ExternalStoreChanges
from keyturn.reset.delivery.composer import MailComposer, SealedMail
from keyturn.reset.delivery.failover import TransportFailover
from keyturn.reset.records import messages, tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.messages import PasswordWasChanged, ResetRequested

LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"
SUPPRESSED: Final = "suppressed"

_Outcome = Literal["no_account", "disabled", "cooldown", "suppressed", "link_mailed", "provider_mailed"]


class LinkRules(msgspec.Struct, frozen=True, kw_only=True):
    """How long a link works, how many of an account's may, and how often a mailbox gets a mail."""

    ttl: timedelta
    live: int
    cooldown: timedelta


class Delivery:
    """The outbox's handler: decides who gets which mail, renders, seals, sends."""

    def __init__(
        self, database: Database, accounts: AccountStore, links: LinkStore, outbox: Outbox, audit: Audit,
        notices: AppEvents, letters: MailComposer, seal: Seal, post: TransportFailover, rules: LinkRules,
        elsewhere: ExternalStoreChanges,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._notices = notices
        self._letters = letters
        self._seal = seal
        self._post = post
        self._rules = rules
        self._elsewhere = elsewhere

    async def __call__(self, message: Message) -> Settlement:
        try:
            email = await self._reopen(message.sealed) if message.sealed else await self._prepare(message)
        except AccountsUnready:
            # Nothing is wrong with the message: it waits for the app's database as it would for a provider.
            raise SendRetryable("accounts unready", sure=True) from None
        if isinstance(email, Dropped):
            return email
        return await self._post.send(message, email)

    async def _reopen(self, sealed: bytes) -> Email | Dropped:
        """Return the mail of an earlier try, unless its link has died since: then it would only puzzle.

        Nor does it go to a mailbox that was suppressed since.
        """
        try:
            letter = msgspec.msgpack.decode(self._seal.open(sealed), type=SealedMail)
        except SealBroken:
            raise SendRefused("sealed with a secret key that is no longer in the settings") from None
        if letter.link:
            link = await self._links.find(letter.link)
            if link is None or (reason := link.dead(now())):
                return Dropped(f"the link is {reason if link else 'gone'}")
        async with self._database.reading() as connection:
            suppressed = await self._links.is_suppressed(connection, letter.email.to, now())
        return Dropped(SUPPRESSED) if suppressed else letter.email

    async def _prepare(self, message: Message) -> Email | Dropped:
        match message.kind:
            case messages.RESET_REQUESTED:
                return await self._answer_request(message, msgspec.json.decode(message.payload, type=ResetRequested))
            case messages.PASSWORD_CHANGED:
                return await self._confirm(message, msgspec.json.decode(message.payload, type=PasswordWasChanged))
            case messages.CHANGE_BEGUN:
                return Dropped(await self._elsewhere.end_interrupted(message))
            case kind if kind in messages.APP_EVENTS.values():
                return Dropped("webhooks.url is not set any more")
            case unknown:
                raise SendRefused(f"unknown kind of message: {unknown}")

    async def _answer_request(self, message: Message, request: ResetRequested) -> Email | Dropped:
        account = await self._accounts.find(request.email)
        async with self._database.transaction() as session:
            outcome = await self._outcome(session, account)
            await self._audit.write(
                session, "reset_request", outcome, request.client, at=request.at,
                account_id=account.id if account else "", email=request.email, message_id=message.id,
            )  # fmt: skip
            answer: Email | Dropped = Dropped(outcome)
            is_told = False
            if account and outcome in (LINK_MAILED, PROVIDER_MAILED):
                letter = (
                    await self._with_fresh_link(session, account, request.client)
                    if outcome == LINK_MAILED
                    else self._letters.about_provider(account, request.client)
                )
                answer = await self._keep(session, message, letter)
                is_told = await self._notices.reset_requested(
                    session, account, request.client, outcome=outcome, moment=request.at
                )
            await session.commit()
        if is_told:
            self._outbox.waiting.set()
        return answer

    async def _outcome(self, session: AsyncSession, account: Account | None) -> _Outcome:
        if account is None:
            return "no_account"
        if not account.active:
            return "disabled"
        if not await self._links.claim_mailbox(session, account.email, now(), self._rules.cooldown):
            return SUPPRESSED if await self._links.is_suppressed(session, account.email, now()) else "cooldown"
        return LINK_MAILED if account.has_password else PROVIDER_MAILED

    async def _with_fresh_link(self, session: AsyncSession, account: Account, client: Client) -> SealedMail:
        token, moment = tokens.mint(os.urandom), now()
        await self._links.add(
            session, tokens.digest(token), account.id, account.email, client,
            moment=moment, ttl=self._rules.ttl, live=self._rules.live,
        )  # fmt: skip
        return self._letters.with_link(account, token, moment, client)

    async def _confirm(self, message: Message, change: PasswordWasChanged) -> Email | Dropped:
        account = await self._accounts.get(change.account_id)
        if account is None:
            return Dropped("no_account")
        answer: Email | Dropped = Dropped(SUPPRESSED)
        async with self._database.transaction() as session:
            if await self._links.is_suppressed(session, account.email, now()):
                await self._audit.write(
                    session, "confirmation", SUPPRESSED, change.client, at=now(),
                    account_id=account.id, email=account.email, message_id=message.id,
                )  # fmt: skip
            else:
                answer = await self._keep(session, message, self._letters.about_change(account, change))
            await session.commit()
        return answer

    async def _keep(self, session: AsyncSession, message: Message, letter: SealedMail) -> Email:
        sealed = self._seal.close(msgspec.msgpack.encode(letter))
        await self._outbox.keep(session, message, sealed, self._post.first_name)
        return letter.email
