"""Answers requests for links, in the worker: decides who gets which mail, and stores it with its link."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account, FindsTogether
from keyturn.service.clock import now, random_bytes
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox import Delivery, Dropped, LeaseLost, Message
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.mails.composer import LinkMail, MailComposer, SealedMail
from keyturn.service.reset.mails.delivery import SUPPRESSED, MailDelivery, Renewal
from keyturn.service.reset.proofs.codes import MailedCodes
from keyturn.service.reset.records.audit import entry_of
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.links import BUTTON_LIFE, Link, LinkFacts, has_newer, new_link, purpose_for, secured
from keyturn.service.reset.records.mailboxes import Refusal
from keyturn.service.reset.records.messages import ResetRequested, event_of
from keyturn.service.reset.records.stores import Transaction
from keyturn.service.secrets import Purpose, Secret
from keyturn.service.webhooks.events import Outcome


class ResetLinks:
    """Mints links and writes the mails that carry them.

    `lifetime`: how long a link works that its owner asked for.
    `invited`: how long a link works if an operator asked for it; its reader does not wait for the mail.
    `mailed`: mints the code beside a link that its owner asked for; None without codes.
    """

    def __init__(
        self,
        composer: MailComposer,
        mailed: MailedCodes | None,
        *,
        lifetime: timedelta,
        invited: timedelta,
    ) -> None:
        self._composer = composer
        self._mailed = mailed
        self._lifetime = lifetime
        self._invited = invited

    async def without_code(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses that get no code, since too many were guessed there in a row."""
        return await self._mailed.exhausted(emails) if self._mailed else ()

    def compose(
        self, account: Account, request: ResetRequested, moment: datetime, *, without_code: bool = False
    ) -> SealedMail:
        """Return the mail with a fresh link, or the mail about another provider if the account signs in there.

        A locked account gets the mail with a recovery link.
        """
        if not account.takes_password:
            return self._composer.about_provider(account, request.client)
        if account.locked:
            return self.compose_recovery(account, request.client, moment, reason=request.reason)
        # A code's link would not know that an intrusion is suspected.
        has_code = not (without_code or request.by_operator or account.awaits_password or account.intruded)
        code, digest = self._mailed.mint(account.email) if self._mailed and has_code else ("", None)
        mail = LinkMail(
            token=secrets.mint(random_bytes),
            lifetime=self._invited if request.by_operator else self._lifetime,
            moment=moment,
            code=code,
            by_operator=bool(request.client.operator),
            reason=request.reason,
        )
        composed = self._composer.with_link(account, request.client, mail)
        return msgspec.structs.replace(composed, code=digest) if digest else composed

    def compose_recovery(self, account: Account, client: Client, moment: datetime, *, reason: str = "") -> SealedMail:
        """Return the mail with a fresh recovery link, for an owner who has reported a change."""
        mail = LinkMail(
            token=secrets.mint(random_bytes),
            lifetime=BUTTON_LIFE,
            moment=moment,
            recovers=True,
            reason=reason,
        )
        return self._composer.with_link(account, client, mail)

    def store(
        self, tx: Transaction, mails: Sequence[tuple[SealedMail, Account, ResetRequested, bool]], moment: datetime
    ) -> None:
        """Store links and codes of the wanted mails, of at least one; they were composed at that moment.

        The statements are the same for mails without a link, and if none is wanted.
        """
        links, fresh = [], []
        for mail, account, request, wanted in mails:
            purpose = purpose_for(account, by_operator=bool(request.client.operator))
            link = _new_link(mail, account, purpose, moment, reason=request.reason, return_to=request.return_to)
            links.append((link, wanted and mail.link is not None))
            fresh.append((mail.code, account, wanted and mail.code is not None))
        secrets.add(tx.connection, links)
        if self._mailed:
            self._mailed.store(tx.connection, fresh, moment)

    def store_recovery(self, tx: Transaction, mail: SealedMail, account: Account, moment: datetime) -> None:
        """Store the link of a mail that `compose_recovery` wrote; it goes to the account's address."""
        secrets.add(tx.connection, [(_new_link(mail, account, Purpose.UNLOCK, moment), True)])


def _new_link(
    mail: SealedMail, account: Account, purpose: Purpose, moment: datetime, *, reason: str = "", return_to: str = ""
) -> Secret:
    facts = LinkFacts(email=mail.email.to, reason=reason, return_to=return_to)
    return new_link(mail.link or secrets.digest(""), purpose, account.id, facts, moment, mail.expires_at or moment)


LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"

_DECODER = msgspec.json.Decoder(ResetRequested)


class _Request(msgspec.Struct, kw_only=True):
    """A request that is being answered. `outcome`: which mail it gets or why it gets none, once that is known."""

    message: Message
    asked: ResetRequested
    found: Account | None
    account: Account
    outcome: Literal["", "no_account", "disabled", "needs_no_invitation"] | Refusal | Outcome = ""
    email: Email | None = None
    error: Exception | None = None

    @property
    def result(self) -> Email | Dropped | Exception:
        return self.error or self.email or Dropped(self.outcome)


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered and sealed mail for a request. If it is not `wanted`, it is discarded."""

    request: _Request
    account: Account
    mail: SealedMail
    sealed: bytes
    wanted: bool

    @property
    def outcome(self) -> Outcome:
        return LINK_MAILED if self.mail.link else PROVIDER_MAILED


class ResetRequestHandler:
    """Answers requests: with a link, with how to sign in, or not at all. The audit trail records which.

    All waiting requests are answered in one transaction. The time that this process and the database take does not
    reveal which addresses have an account (OWASP ASVS 6.3.8). At least one mail is rendered and sealed, even if none
    will be sent, and the same statements run, so the work for one account is the same as for none. A locked account
    gets a recovery link, as long as it has the address of the owner who locked it. If an intrusion is suspected, the
    link is marked so.
    """

    def __init__(
        self,
        mails: MailDelivery,
        ground: Ground,
        links: ResetLinks,
        renew: Renewal,
        events: AppEvents,
    ) -> None:
        self._mails = mails
        self._accounts, self._records = ground.accounts, ground.records
        self._links = links
        self._renew = renew
        self._events = events
        self._answers: Batcher[_Request, Email | Dropped] = Batcher(self._answer_all, common=DatabaseUnready)

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._answer, self._renew)

    @property
    def prepares_together(self) -> bool:
        """Whether one statement finds all accounts. With separate look-ups elsewhere, the slowest would delay all."""
        return isinstance(self._accounts, FindsTogether)

    async def prepare_all(self, messages: Sequence[Message]) -> Sequence[Dropped | Delivery | Exception]:
        return await self._mails.deliver_all(messages, self._answer_several)

    async def _answer(self, message: Message) -> Email | Dropped:
        (answer,) = await self._answer_several([message])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer_several(self, messages: Sequence[Message]) -> Sequence[Email | Dropped | Exception]:
        asked = [_read(message) for message in messages]
        emails = {one.email for one in asked if isinstance(one, ResetRequested)}
        found = dict(zip(emails, await self._find(list(emails)), strict=True))
        requests = [_request(message, one, found) for message, one in zip(messages, asked, strict=True)]
        answers = iter(await self._answers.submit_all([one for one in requests if isinstance(one, _Request)]))
        return [next(answers) if isinstance(request, _Request) else request for request in requests]

    async def _find(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        if isinstance(self._accounts, FindsTogether):
            return await self._accounts.find_all(emails)
        return [await self._accounts.find(email) for email in emails]  # one: such messages are not prepared together

    async def _answer_all(self, requests: Sequence[_Request]) -> Sequence[Email | Dropped | Exception]:
        moment = now()
        current = _newest(requests)
        for request in requests:  # a batch that failed as a whole may have left these
            request.email, request.error = None, LeaseLost()
        for request in current:
            request.error = None
        await self._refuse(current, moment)
        drafts = await self._draft(current, moment)

        def answer(tx: Transaction) -> None:
            self._claim(tx, current, drafts, moment)
            self._store(tx, drafts, moment)
            self._record(tx, current)
            self._drop(tx, current)

        await self._records.transact(answer)
        self._events.wake()
        return [request.result for request in requests]

    async def _refuse(self, requests: Sequence[_Request], moment: datetime) -> None:
        """Note why a request gets no mail, if that is already known."""
        pressed = await secured(self._records.database, [request.account for request in requests], moment)
        for request in requests:
            request.account = msgspec.structs.replace(request.account, intruded=pressed.get(request.account.id, False))
        refusals = await self._records.mailboxes.refusals({request.account.email for request in requests}, moment)
        answered: set[str] = set()
        for request in requests:
            if request.found is None:
                request.outcome = "no_account"
            elif not (request.found.active or (request.found.locked and request.found.id in pressed)):
                request.outcome = "disabled"
            elif request.asked.invited and not request.found.awaits_password:
                request.outcome = "needs_no_invitation"
            else:
                mailbox = addresses.normalize(request.account.email)
                again: Refusal | Literal[""] = (
                    "cooldown" if mailbox in answered and self._records.mailboxes.cooldown else ""
                )
                request.outcome = refusals.get(request.account.email, again)
                answered.add(mailbox)

    async def _draft(self, requests: Sequence[_Request], moment: datetime) -> Sequence[_Draft]:
        """Return a mail for each request that may get one; if there is none, a mail that is not sent."""
        drafts = []
        without_code = await self._links.without_code({request.account.email for request in requests})
        for request in requests:
            if not request.outcome:
                try:
                    has_none = request.account.email in without_code
                    drafts.append(self._compose(request, request.account, moment, wanted=True, without_code=has_none))
                except Exception as error:  # noqa: BLE001 - such as a fault in a template of one kind of account
                    request.error = error
                await asyncio.sleep(0)  # a mail takes a while, and the process may have other requests to answer
        nobody = Account(id="", email=requests[0].asked.email)
        return drafts or [self._compose(requests[0], nobody, moment, wanted=False)]

    def _compose(
        self, request: _Request, account: Account, moment: datetime, *, wanted: bool, without_code: bool = False
    ) -> _Draft:
        mail = self._links.compose(account, request.asked, moment, without_code=without_code)
        return _Draft(request=request, account=account, mail=mail, sealed=self._mails.seal(mail), wanted=wanted)

    def _claim(self, tx: Transaction, requests: Sequence[_Request], drafts: Sequence[_Draft], moment: datetime) -> None:
        """Claim the mailboxes of the drafts whose messages this worker still holds."""
        held = {message.id for message in tx.outbox.lock([request.message for request in requests])}
        for request in requests:
            if request.message.id not in held:
                request.error = LeaseLost()
        mailboxes = [(draft.mail.email.to, draft.wanted and not draft.request.error) for draft in drafts]
        for draft, claimed in zip(drafts, tx.mailboxes.claim(mailboxes, moment), strict=True):
            if claimed:
                draft.request.outcome, draft.request.email = draft.outcome, draft.mail.email
            elif draft.wanted:
                draft.request.outcome = "cooldown"  # another worker was first

    def _store(self, tx: Transaction, drafts: Sequence[_Draft], moment: datetime) -> None:
        """Store the links and mails of the drafts that are sent, and tell the app."""
        stored = [(draft, draft.request.email is not None) for draft in drafts]
        self._links.store(tx, [(one.mail, one.account, one.request.asked, yes) for one, yes in stored], moment)
        tx.outbox.store_sealed([(one.request.message, one.sealed if yes else None) for one, yes in stored])
        resets = [(one.request.asked, one.account, one.outcome, yes) for one, yes in stored]
        self._events.resets_requested(tx, resets)

    def _record(self, tx: Transaction, requests: Sequence[_Request]) -> None:
        entries = [
            entry_of(
                request.asked.client,
                at=request.asked.at,
                event=event_of(request.asked),
                outcome=request.outcome,
                account_id=request.account.id,
                email=request.asked.audited(request.found),
                message_id=request.message.id,
            )
            for request in requests
            if not request.error
        ]
        tx.audit.write_all(entries)

    def _drop(self, tx: Transaction, requests: Sequence[_Request]) -> None:
        """End the requests that get no mail: a worker that dies after this commit has left nothing to decide."""
        tx.settlements.drop([(one.message, one.outcome) for one in requests if isinstance(one.result, Dropped)])


def _newest(requests: Sequence[_Request]) -> Sequence[_Request]:
    """Return the request of each message under its newest claim.

    While the database was slow, a lease may have run out, and this worker have claimed the message again.
    """
    return list({request.message.id: request for request in requests}.values())


def _read(message: Message) -> ResetRequested | Exception:
    try:
        return _DECODER.decode(message.payload)
    except msgspec.MsgspecError as error:
        return error


def _request(
    message: Message, asked: ResetRequested | Exception, accounts: Mapping[str, Account | Exception | None]
) -> _Request | Exception:
    if isinstance(asked, Exception):
        return asked
    found = accounts[asked.email]
    if isinstance(found, Exception):
        return found
    account = found or Account(id="", email=asked.email)
    return _Request(message=message, asked=asked, found=found, account=account)


_MAILED = {"provider_mailed", "link_renewed"}


class LinkRenewal:
    """Answers a request again whose link has expired before its mail was accepted.

    If the old mail certainly has not arrived, the answer is a fresh link. Otherwise nothing is sent: a second mail with
    a link would look like a second request. Requests by an operator and locked accounts always get a fresh link.

    Of several requests of an account only the newest is answered. The mailbox's cooldown does not apply again: this
    mail replaces one that it has let through.
    """

    def __init__(self, mails: MailDelivery, ground: Ground, links: ResetLinks) -> None:
        self._mails = mails
        self._accounts, self._records = ground.accounts, ground.records
        self._links = links

    async def __call__(self, message: Message, link: Link, *, unseen: bool) -> Email | Dropped:
        request = msgspec.json.decode(message.payload, type=ResetRequested)
        account, moment = await self._accounts.find(request.email), now()
        if account:
            pressed = await secured(self._records.database, [account], moment)
            account = msgspec.structs.replace(account, intruded=pressed.get(account.id, False))
        mail = await self._compose(account, request, moment) if account else None
        sealed = self._mails.seal(mail) if mail else None

        def renew(tx: Transaction) -> Email | Dropped:
            outcome = self._decide(tx, account, request, link, unseen=unseen)
            tx.audit.write(
                event_of(request),
                outcome,
                request.client,
                moment,
                account.id if account else "",
                request.audited(account),
                message_id=message.id,
            )
            if not (account and mail and outcome in _MAILED):
                return tx.outbox.drop_held(message, outcome)
            self._links.store(tx, [(mail, account, request, outcome == "link_renewed")], moment)
            tx.outbox.store_held(message, sealed)
            return mail.email

        return await self._records.transact(renew)

    async def _compose(self, account: Account, request: ResetRequested, moment: datetime) -> SealedMail:
        without_code = bool(await self._links.without_code({account.email}))
        return self._links.compose(account, request, moment, without_code=without_code)

    def _decide(
        self,
        tx: Transaction,
        account: Account | None,
        request: ResetRequested,
        link: Link,
        *,
        unseen: bool,
    ) -> str:
        """Return the outcome for the audit trail, which says whether a mail is sent and which."""
        if account is None:
            return "no_account"
        if not (account.active or (account.locked and link.recovers and link.account_id == account.id)):
            return "disabled"
        if request.invited and not account.awaits_password:
            return "needs_no_invitation"
        if tx.mailboxes.is_suppressed(account.email, now()):
            return SUPPRESSED
        if has_newer(tx.connection, link):
            return "superseded"
        if not account.takes_password:
            return "provider_mailed"
        return "link_renewed" if unseen or request.by_operator or account.locked else "expired"
