"""Answers requests for links, in the worker: decides on each mail, and stores it with its link."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import ToStore
from keyturn.service.outbox.message import Delivery, Dropped, Message, Settlement, new_key
from keyturn.service.outbox.queue import LeaseLost
from keyturn.service.reset.events import (
    LINK_MAILED,
    PROVIDER_MAILED,
    AppEvents,
    MailedOutcome,
    MailedReset,
)
from keyturn.service.reset.link_mails import LinkMails
from keyturn.service.reset.mails.composer import ComposedMail
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.records.audit import AuditEntry
from keyturn.service.reset.records.intrusions import may_get_link
from keyturn.service.reset.records.mailboxes import MailClaim, Refusal
from keyturn.service.reset.records.messages import REQUESTS, ResetRequested, event_of
from keyturn.service.reset.stores import HeldAccounts, Stores, Transaction

_DECODERS = {kind: msgspec.json.Decoder(payload) for kind, payload in REQUESTS.items()}

_PATIENCE = 2.0
"""Seconds for looking up the accounts of all requests of a claim together.

If it takes longer, each request is answered alone, so that a slow look-up delays only its own.
"""

_NoMail = Literal["no_account", "disabled", "needs_no_invitation"] | Refusal
"""Why a request gets no mail."""


# The phases of an answer: asked, drafted, sealed, settled


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose account was looked up. `existing`: None if no account has its address."""

    message: Message
    request: ResetRequested
    existing: Account | None

    @property
    def account(self) -> Account:
        """The account, or a stand-in without an id, so that the work is the same."""
        return self.existing or Account(id="", email=self.request.email)

    @property
    def id(self) -> int:
        return self.message.id


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to be written. `is_wanted`: False for a decoy, which is never sent."""

    asked: _Asked
    is_wanted: bool


class _SealedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A draft with its mail.

    `body`: the composed mail, encrypted, as its message keeps it.
    `secrets`: the secrets in the mail.
    """

    asked: _Asked
    is_wanted: bool
    composed: ComposedMail
    body: bytes
    secrets: Sequence[ToStore]


class _Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A request with its outcome. `email`: the mail that is sent, if one is."""

    asked: _Asked
    outcome: _NoMail | MailedOutcome
    email: Email | None


class ResetRequestHandler:
    """Answers requests with a link, with a mail that names another sign-in, or with no mail.

    The audit trail records the outcome.

    The requests of a claim are answered in one transaction. Its time does not reveal which
    addresses have an account (OWASP ASVS 6.3.8): at least one mail is rendered and sealed, and the
    same statements run, even if no mail is sent. A locked account gets a recovery link, as long as
    it has the address of the mailbox that locked it.
    """

    def __init__(
        self, mails: MailDelivery, stores: Stores, links: LinkMails, events: AppEvents
    ) -> None:
        self._mails = mails
        self._stores = stores
        self._links = links
        self._events = events

    async def prepare(
        self, messages: Sequence[Message]
    ) -> Sequence[Delivery | Dropped | Exception]:
        """Answer the first tries together, in one transaction.

        A later try, and a request whose account could not be looked up, is handled alone.

        Raises DatabaseUnready, and the errors of a store that cannot look up any account. No
        message is answered then.
        """
        looked_up = await self._look_up_together(messages)
        together = [message for message in messages if message.id in looked_up]

        async def answer(chosen: Sequence[Message]) -> Sequence[Email | Dropped | Exception]:
            """Answer the messages, for which a provider is chosen by now."""
            asked = []
            for message in chosen:
                asked.append(msgspec.structs.replace(looked_up[message.id], message=message))
            return await self._answer_all(asked)

        prepared: dict[int, Delivery | Dropped | Exception] = {}
        for message in messages:
            prepared[message.id] = partial(self, message)
        if together:
            answers = await self._mails.prepare_all(together, answer)
            for message, delivery in zip(together, answers, strict=True):
                prepared[message.id] = delivery
        return [prepared[message.id] for message in messages]

    async def _look_up_together(self, messages: Sequence[Message]) -> Mapping[int, _Asked]:
        """Return the requests of first tries whose look-ups are answered together, by message."""
        requests = {message.id: _request_in(message) for message in messages if not message.sealed}
        accounts = await self._find_together({request.email for request in requests.values()})
        looked_up = {}
        for message in messages:
            request = requests.get(message.id)
            if request and request.email in accounts:
                looked_up[message.id] = _Asked(
                    message=message, request=request, existing=accounts[request.email]
                )
        return looked_up

    async def _find_together(self, emails: Collection[str]) -> Mapping[str, Account | None]:
        """Look the addresses up together; return those that were answered, with their accounts.

        If that takes longer than `_PATIENCE`, none is: each is then looked up alone.
        """
        if not emails:
            return {}
        wanted = list(emails)
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._stores.accounts.find_all(wanted)
        except TimeoutError:
            return {}
        answered = {}
        for email, account in zip(wanted, found, strict=True):
            if not isinstance(account, Exception):
                answered[email] = account
        return answered

    async def __call__(self, message: Message) -> Settlement:
        """Answer a request alone, or send the mail of an earlier try."""
        return await self._mails.deliver(message, self._answer_alone, anew=self._answer_anew)

    async def _answer_anew(self, message: Message) -> Settlement:
        """Answer again, under a new key: the link has expired, and no provider has the mail."""
        anew = msgspec.structs.replace(message, key=new_key(), sealed=None)
        return await self._mails.deliver(anew, partial(self._answer_alone, again_at=now()))

    async def _answer_alone(
        self, message: Message, *, again_at: datetime | None = None
    ) -> Email | Dropped:
        request = _request_in(message)
        existing = await self._stores.accounts.find(request.email)
        asked = _Asked(message=message, request=request, existing=existing)
        (answer,) = await self._answer_all([asked], again_at)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer_all(
        self, asked: Sequence[_Asked], again_at: datetime | None = None
    ) -> Sequence[Email | Dropped | Exception]:
        """Decide and store the answers.

        `again_at`: the time for the audit trail, if a request is answered a second time.
        """
        refused = await self._refuse(asked)
        drafts = _drafts(asked, refused)
        sealed = await self._write(drafts, asked)

        def write(tx: Transaction) -> Mapping[int, _Settled]:
            still_ours = tx.outbox.lock([one.message for one in asked])
            held = tx.hold(*map(_held_as, sealed))
            mails = [_if_ours(mail, still_ours) for mail in sealed]
            claimed = self._claim(tx, mails)
            self._store(tx, mails, claimed, held)
            answers = {**refused, **claimed}
            settled = {one.id: answers[one.id] for one in asked if one.id in still_ours}
            _record(tx, settled.values(), again_at)
            return settled

        settled = await self._stores.transact(write)
        return [_result(settled.get(one.id)) for one in asked]

    async def _refuse(self, asked: Sequence[_Asked]) -> Mapping[int, _Settled]:
        """Return the answers to the requests that certainly get no mail, by message."""
        accounts = [one.account for one in asked]
        reachable = await may_get_link(self._stores.database, accounts)
        mailboxes = await self._stores.mailboxes.look({account.email for account in accounts})
        has_cooldown = bool(self._stores.mailboxes.cooldown)
        answered: set[str] = set()
        refused = {}
        for one in asked:
            email = one.account.email
            mailbox = identifiers.normalize_address(email)
            reason = _unreachable(one, reachable) or mailboxes[email].refusal
            if reason is None and has_cooldown and mailbox in answered:
                # An earlier request of the same claim gets the mail, which is not counted yet.
                reason = "cooldown"
            if reason:
                refused[one.id] = _Settled(asked=one, outcome=reason, email=None)
            else:
                answered.add(mailbox)
        return refused

    async def _write(
        self, drafts: Sequence[_Draft], asked: Sequence[_Asked]
    ) -> Sequence[_SealedMail]:
        """Write and seal the mails of the drafts.

        `asked`: also those without a draft, so that the look-up of codes is the same.
        """
        without_code: Collection[str] = ()
        if self._links.codes:
            emails = {one.account.email for one in asked}
            without_code = await self._links.codes.exhausted(emails)
        moment = now()
        mails = []
        for draft in drafts:
            account = draft.asked.account
            composed, secrets = self._links.compose(
                account, draft.asked.request, moment, without_code=account.email in without_code
            )
            mail = _SealedMail(
                asked=draft.asked,
                is_wanted=draft.is_wanted,
                composed=composed,
                body=self._mails.seal(composed),
                secrets=secrets,
            )
            mails.append(mail)
            # Rendering takes a while, and the process may have other requests to answer.
            await asyncio.sleep(0)
        return mails

    def _claim(self, tx: Transaction, mails: Sequence[_SealedMail]) -> Mapping[int, _Settled]:
        """Count the wanted mails against their mailboxes' limits; return their answers, by message.

        A mail is refused if another worker was faster.
        """
        claims = [MailClaim(mail.composed.email.to, mail.is_wanted) for mail in mails]
        refusals = tx.mailboxes.claim(claims)
        claimed = {}
        for mail, refusal in zip(mails, refusals, strict=True):
            if not mail.is_wanted:
                continue
            if refusal:
                settled = _Settled(asked=mail.asked, outcome=refusal, email=None)
            else:
                outcome = _outcome_of(mail.composed)
                settled = _Settled(asked=mail.asked, outcome=outcome, email=mail.composed.email)
            claimed[mail.asked.id] = settled
        return claimed

    def _store(
        self,
        tx: Transaction,
        mails: Sequence[_SealedMail],
        claimed: Mapping[int, _Settled],
        held: HeldAccounts,
    ) -> None:
        """Store the links and mails that are sent, and write the app's events.

        The same statements run if none is sent.
        """
        secrets: list[ToStore] = []
        bodies: list[tuple[Message, bytes | None]] = []
        resets = []
        for mail in mails:
            asked = mail.asked
            is_sent = mail.is_wanted and claimed[asked.id].email is not None
            for secret, is_wanted in mail.secrets:
                secrets.append(ToStore(secret, is_wanted=is_sent and is_wanted))
            bodies.append((asked.message, mail.body if is_sent else None))
            outcome = _outcome_of(mail.composed)
            resets.append(MailedReset(asked.request, asked.account, outcome, is_sent))
        held.store(secrets)
        tx.outbox.seal(bodies)
        self._events.write_requested(tx, resets)


def _request_in(message: Message) -> ResetRequested:
    return _DECODERS[message.kind].decode(message.payload)


def _unreachable(asked: _Asked, reachable: Collection[str]) -> _NoMail | None:
    """Return why a request gets no mail, whatever its mailbox got before."""
    account = asked.existing
    if account is None:
        return "no_account"
    if account.id not in reachable:
        return "disabled"
    if asked.request.invites and not account.awaits_password:
        return "needs_no_invitation"
    return None


def _drafts(asked: Sequence[_Asked], refused: Mapping[int, _Settled]) -> Sequence[_Draft]:
    """Return the drafts of the requests that are not refused.

    If all are, return a decoy, whose mail is rendered and sealed but never sent.
    """
    drafts = []
    for one in asked:
        if one.id not in refused:
            drafts.append(_Draft(asked=one, is_wanted=True))
    if not drafts:
        # Without the account, even if there is one: the decoy's work must not depend on it.
        decoy = msgspec.structs.replace(asked[0], existing=None)
        drafts.append(_Draft(asked=decoy, is_wanted=False))
    return drafts


def _held_as(mail: _SealedMail) -> str:
    """Return the name under which the account is held.

    A mail without an account gets a name of its own, so that the work is the same.
    """
    return mail.asked.account.id or mail.asked.message.key


def _if_ours(mail: _SealedMail, still_ours: Collection[int]) -> _SealedMail:
    """Return the mail; a decoy in its place if another worker holds its message by now."""
    if mail.asked.id in still_ours:
        return mail
    return msgspec.structs.replace(mail, is_wanted=False)


def _outcome_of(mail: ComposedMail) -> MailedOutcome:
    return LINK_MAILED if mail.link else PROVIDER_MAILED


def _record(tx: Transaction, settled: Collection[_Settled], again_at: datetime | None) -> None:
    """Write the audit trail, and drop the messages without a mail.

    If the worker dies after this commit, everything has been decided.
    """
    tx.audit.write_all([_entry(one, again_at) for one in settled])
    tx.outbox.drop([(one.asked.message, one.outcome) for one in settled if not one.email])


def _entry(settled: _Settled, again_at: datetime | None) -> AuditEntry:
    request = settled.asked.request
    account = settled.asked.existing
    return AuditEntry(
        event=event_of(request),
        outcome=settled.outcome,
        client=request.client,
        at=again_at or request.at,
        account_id=account.id if account else "",
        email=request.audited(account),
        message_id=settled.asked.id,
    )


def _result(settled: _Settled | None) -> Email | Dropped | Exception:
    """Return the mail to send, or why there is none."""
    if settled is None:
        return LeaseLost()
    if settled.email:
        return settled.email
    return Dropped(settled.outcome)
