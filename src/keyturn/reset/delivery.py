"""From an intent in the outbox to a mail at the provider: what the relay calls for each message.

The mail is rendered once, in the transaction that stores its link, and kept sealed in its outbox row: a retry under
the same idempotency key must send the identical body, also after a deploy has changed a template.
"""

import os
from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account, AccountStore
from keyturn.database import Database, now
from keyturn.errors import SendRefused
from keyturn.languages import Languages
from keyturn.mail.email import Email, Sender
from keyturn.mail.render import EmailProps, Templates
from keyturn.outbox import Dropped, Message, Outbox, Seal, SealBroken, Sent, Settlement
from keyturn.reset import intents, tokens
from keyturn.reset.audit import Audit
from keyturn.reset.client import Client
from keyturn.reset.device import device_name
from keyturn.reset.emails import PasswordChanged, PasswordReset, SignInWithProvider
from keyturn.reset.intents import PasswordWasChanged, ResetRequested
from keyturn.reset.links import Links
from keyturn.reset.store import LinkStore

LINK_MAILED, PROVIDER_MAILED = "link_mailed", "provider_mailed"


class Postmark(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same in every mail, and how often a mailbox gets one."""

    sender: str
    reply_to: str
    ttl: timedelta
    live_links: int
    cooldown: timedelta


class Delivery:
    """The outbox's handler: decides who gets which mail, renders, seals, sends."""

    def __init__(
        self, database: Database, accounts: AccountStore, links: LinkStore, outbox: Outbox, audit: Audit,
        templates: Templates, languages: Languages, addresses: Links, seal: Seal, sender: Sender, postmark: Postmark,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._templates = templates
        self._languages = languages
        self._addresses = addresses
        self._seal = seal
        self._sender = sender
        self._postmark = postmark

    async def __call__(self, message: Message) -> Settlement:
        email = self._reopen(message.sealed) if message.sealed else await self._prepare(message)
        if isinstance(email, Dropped):
            return email
        return Sent(await self._sender.send(email, message.key))

    def _reopen(self, sealed: bytes) -> Email:
        try:
            return msgspec.msgpack.decode(self._seal.open(sealed), type=Email)
        except SealBroken:
            raise SendRefused("sealed with a secret key that is no longer in the settings") from None

    async def _prepare(self, message: Message) -> Email | Dropped:
        match message.kind:
            case intents.RESET_REQUESTED:
                return await self._answer_request(message, msgspec.json.decode(message.payload, type=ResetRequested))
            case intents.PASSWORD_CHANGED:
                return await self._confirm(message, msgspec.json.decode(message.payload, type=PasswordWasChanged))
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
            if account and outcome in {LINK_MAILED, PROVIDER_MAILED}:
                props = (
                    await self._link_for(session, account, request.client)
                    if outcome == LINK_MAILED
                    else self._provider_of(account)
                )
                answer = await self._keep(session, message, props, account, request.client)
            await session.commit()
        return answer

    async def _outcome(self, session: AsyncSession, account: Account | None) -> str:
        if account is None:
            return "no_account"
        if not account.active:
            return "disabled"
        if not await self._links.claim_mailbox(session, account.email, now(), self._postmark.cooldown):
            return "cooldown"
        return LINK_MAILED if account.has_password else PROVIDER_MAILED

    async def _link_for(self, session: AsyncSession, account: Account, client: Client) -> PasswordReset:
        token, moment, ttl = tokens.mint(os.urandom), now(), self._postmark.ttl
        await self._links.add(
            session, tokens.digest(token), account.id, account.email, client,
            moment=moment, ttl=ttl, live=self._postmark.live_links,
        )  # fmt: skip
        link = self._addresses.reset(token, account.email)
        return PasswordReset(name=account.name, email=account.email, link=link, expires_at=moment + ttl, lifetime=ttl)

    def _provider_of(self, account: Account) -> SignInWithProvider:
        return SignInWithProvider(
            name=account.name,
            email=account.email,
            provider=account.provider or "another service",
            sign_in_link=self._addresses.sign_in(),
        )

    async def _confirm(self, message: Message, change: PasswordWasChanged) -> Email | Dropped:
        account = await self._accounts.get(change.account_id)
        if account is None:
            return Dropped("no_account")
        props = PasswordChanged(
            name=account.name,
            email=account.email,
            changed_at=change.at,
            address=change.client.address,
            device=device_name(change.client.user_agent),
            forgot_link=self._addresses.forgot(),
        )
        async with self._database.transaction() as session:
            email = await self._keep(session, message, props, account, change.client)
            await session.commit()
        return email

    async def _keep(
        self, session: AsyncSession, message: Message, props: EmailProps, account: Account, client: Client
    ) -> Email:
        language = self._languages.choose(account.locale, client.languages)
        rendered = self._templates.render(props, language)
        email = Email(
            sender=self._postmark.sender,
            to=account.email,
            reply_to=self._postmark.reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            # RFC 3834: what a program sends unasked-for says so, and out-of-office programs keep still.
            headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
            tags={"template": props.template},
        )
        await self._outbox.keep(session, message, self._seal.close(msgspec.msgpack.encode(email)))
        return email
