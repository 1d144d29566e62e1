"""Answers requests for links, in the worker: decides who gets which mail, and stores it with its
link.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import Minted, Purpose
from keyturn.service.outbox.message import Delivery, Dropped, Message, Settlement, new_key
from keyturn.service.outbox.queue import LeaseLost
from keyturn.service.reset.events import AppEvents, Outcome
from keyturn.service.reset.mails.composer import MailComposer, SealedMail
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.ports import ResetCodes
from keyturn.service.reset.records.audit import entry_of
from keyturn.service.reset.records.links import BUTTON_LIFE, may_get_link, mint_link, purpose_for
from keyturn.service.reset.records.mailboxes import Refusal
from keyturn.service.reset.records.messages import REQUESTS, ResetRequested, event_of
from keyturn.service.reset.stores import HeldAccounts, Stores, Transaction

INVITED = timedelta(days=3)
"""How long a link works that an operator asked for: its reader does not wait for the mail.

A button replaces it.
"""


@dataclass(frozen=True)
class ResetLinks:
    """Mints links and writes their mails.

    `lifetime`: of a link that its owner asked for; `codes`: mints its code.
    """

    composer: MailComposer
    codes: ResetCodes | None
    lifetime: timedelta

    def compose(
        self,
        account: Account,
        request: ResetRequested,
        moment: datetime,
        *,
        recovers: bool = False,
        without_code: bool = False,
    ) -> tuple[SealedMail, Sequence[Minted]]:
        """Return a mail with a link, or about another provider, and its secrets.

        A locked account's link recovers.
        """
        purpose = (
            Purpose.UNLOCK
            if recovers
            else purpose_for(account, by_operator=bool(request.client.operator))
        )
        life = (
            BUTTON_LIFE
            if purpose is Purpose.UNLOCK
            else INVITED
            if request.by_operator
            else self.lifetime
        )
        token, link = mint_link(
            account,
            purpose,
            moment,
            moment + life,
            invites=request.by_operator and account.awaits_password,
            reason=request.reason,
            return_to=request.return_to,
        )
        if not account.takes_password:
            return self.composer.about_provider(account, request.client), [(link, False)]
        code = None
        if self.codes and not (
            without_code or link.recovers or request.by_operator or account.awaits_password
        ):
            code = self.codes.mint(account, moment)
        mail = self.composer.with_link(account, request.client, token, link, code)
        return mail, [(link, True), *([(code[1], True)] if code else [])]


LINK_MAILED: Final = "link_mailed"

_DECODERS = {kind: msgspec.json.Decoder(payload) for kind, payload in REQUESTS.items()}

_PATIENCE = 2.0
"""Seconds for which requests wait for the accounts of all.

A look-up that takes longer delays its own request alone.
"""


@dataclass(eq=False)
class _Answer:
    """The answer to a request.

    `mail` is a draft, and becomes `email` once it is certain that it is sent.
    """

    message: Message
    request: ResetRequested
    existing: Account | None
    outcome: Literal["", "no_account", "disabled", "needs_no_invitation"] | Refusal | Outcome = ""
    mail: SealedMail = field(init=False)
    minted: Sequence[Minted] = field(init=False)
    sealed: bytes = field(init=False)
    email: Email | None = None

    def __post_init__(self) -> None:
        self.account = self.existing or Account(id="", email=self.request.email)
        self.outcome = "" if self.existing else "no_account"

    @property
    def mailed(self) -> Outcome:
        return LINK_MAILED if self.mail.link else "provider_mailed"


class ResetRequestHandler:
    """Answers requests: with a link, with how to sign in, or not at all.

    The audit trail records which.

    The requests of a claim are answered in one transaction. Its time does not reveal which
    addresses have an account (OWASP ASVS 6.3.8): at least one mail is rendered and sealed, and the
    same statements run, even for none. A locked account gets a recovery link, as long as it has the
    address of the owner who locked it.
    """

    def __init__(
        self, mails: MailDelivery, stores: Stores, links: ResetLinks, events: AppEvents
    ) -> None:
        self._mails, self._stores, self._links, self._events = mails, stores, links, events

    async def prepare(
        self, messages: Sequence[Message]
    ) -> Sequence[Delivery | Dropped | Exception]:
        """Answer first tries together, in one transaction; one without an answer to its look-up is
        handled alone.
        """
        requests = {one.id: _request_in(one) for one in messages if not one.sealed}
        accounts = await self._find_together({one.email for one in requests.values()})
        first = [
            one for one in messages if one.id in requests and requests[one.id].email in accounts
        ]

        async def answer(messages: Sequence[Message]) -> Sequence[Email | Dropped | Exception]:
            return await self._answer_all(
                [
                    _Answer(one, requests[one.id], accounts[requests[one.id].email])
                    for one in messages
                ]
            )

        answered = await self._mails.prepare_all(first, answer) if first else []
        prepared = dict(zip((one.id for one in first), answered, strict=True))
        return [prepared.get(one.id) or partial(self, one) for one in messages]

    async def __call__(self, message: Message) -> Settlement:
        """Answer a request alone, or send the mail of an earlier try."""
        return await self._mails.deliver(message, self._answer_alone, anew=self._answer_anew)

    async def _answer_alone(
        self, message: Message, *, again_at: datetime | None = None
    ) -> Email | Dropped:
        request = _request_in(message)
        account = await self._stores.accounts.find(request.email)
        (answer,) = await self._answer_all([_Answer(message, request, account)], again_at)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer_anew(self, message: Message) -> Settlement:
        """Answer again after the link has expired, under a new key: no provider has the mail."""
        anew = msgspec.structs.replace(message, key=new_key(), sealed=None)
        return await self._mails.deliver(anew, partial(self._answer_alone, again_at=now()))

    async def _answer_all(
        self, answers: Sequence[_Answer], again_at: datetime | None = None
    ) -> Sequence[Email | Dropped | Exception]:
        """Decide and store the answers.

        `again_at`: when they are given again, for the audit trail.
        """
        await self._refuse(answers)
        drafts = await self._draft(answers)

        def write(tx: Transaction) -> Collection[int]:
            locked = tx.outbox.lock([one.message for one in answers])
            held = tx.hold(*(_held_as(one) for one in drafts))
            self._claim(tx, drafts, locked)
            self._store(tx, drafts, held)
            tx.audit.write_all(
                [_entry(one, again_at) for one in answers if one.message.id in locked]
            )
            # A worker that dies after this commit has left nothing to decide.
            tx.outbox.drop([(one.message, one.outcome) for one in answers if not one.email])
            return locked

        locked = await self._stores.transact(write)
        return [
            one.email or (Dropped(one.outcome) if one.message.id in locked else LeaseLost())
            for one in answers
        ]

    async def _find_together(self, emails: Collection[str]) -> Mapping[str, Account | None]:
        """Return the accounts of the addresses that the store can look up together and in time."""
        if not emails:
            return {}
        async with asyncio.timeout(_PATIENCE):
            answers = zip(emails, await self._stores.accounts.find_all(list(emails)), strict=True)
        return {email: one for email, one in answers if not isinstance(one, Exception)}

    async def _refuse(self, answers: Sequence[_Answer]) -> None:
        """Note why a request gets no mail, if that is already known."""
        reachable = await may_get_link(self._stores.database, [one.account for one in answers])
        mailboxes = await self._stores.mailboxes.look({one.account.email for one in answers})
        answered: set[str] = set()
        for one in answers:
            if one.existing is None:
                continue
            if one.existing.id not in reachable:
                one.outcome = "disabled"
            elif one.request.invites and not one.existing.awaits_password:
                one.outcome = "needs_no_invitation"
            else:
                mailbox = addresses.normalize(one.account.email)
                is_again = mailbox in answered and self._stores.mailboxes.cooldown
                one.outcome = mailboxes[one.account.email].refusal or (
                    "cooldown" if is_again else ""
                )
                answered.add(mailbox)

    async def _draft(self, answers: Sequence[_Answer]) -> Sequence[_Answer]:
        """Return the answers that may be mails, with their mails; if there are none, one that is
        not sent.
        """
        codes, emails = self._links.codes, {one.account.email for one in answers}
        without_code = await codes.exhausted(emails) if codes else ()
        drafts = [one for one in answers if not one.outcome]
        drafts, moment = drafts or [_Answer(answers[0].message, answers[0].request, None)], now()
        for one in drafts:
            has_none = one.account.email in without_code
            one.mail, one.minted = self._links.compose(
                one.account, one.request, moment, without_code=has_none
            )
            one.sealed = self._mails.seal(one.mail)
            await asyncio.sleep(
                0
            )  # a mail takes a while, and the process may have other requests to answer
        return drafts

    def _claim(self, tx: Transaction, drafts: Sequence[_Answer], locked: Collection[int]) -> None:
        """Claim the mailboxes of the drafts whose messages this worker still holds."""
        wanted = [not one.outcome and one.message.id in locked for one in drafts]
        mailboxes = [
            (one.mail.email.to, is_wanted) for one, is_wanted in zip(drafts, wanted, strict=True)
        ]
        for one, is_wanted, refusal in zip(
            drafts, wanted, tx.mailboxes.claim(mailboxes), strict=True
        ):
            if is_wanted:  # refused if another worker was first
                one.outcome, one.email = refusal or one.mailed, None if refusal else one.mail.email

    def _store(self, tx: Transaction, drafts: Sequence[_Answer], held: HeldAccounts) -> None:
        """Store the links and mails of the drafts that are sent, and tell the app."""
        stored = [(one, one.email is not None) for one in drafts]
        held.mint(
            [(secret, yes and wanted) for one, yes in stored for secret, wanted in one.minted]
        )
        tx.outbox.seal([(one.message, one.sealed if yes else None) for one, yes in stored])
        self._events.resets_requested(
            tx, [(one.request, one.account, one.mailed, yes) for one, yes in stored]
        )


def _request_in(message: Message) -> ResetRequested:
    return _DECODERS[message.kind].decode(message.payload)


def _held_as(answer: _Answer) -> str:
    """Return the name under which the account is held: for nobody's, one of its own, so the work is
    the same.
    """
    return answer.account.id or answer.message.key


def _entry(answer: _Answer, again_at: datetime | None) -> Mapping[str, Any]:
    request = answer.request
    whom = {"account_id": answer.account.id, "email": request.audited(answer.existing)}
    event = {"at": again_at or request.at, "event": event_of(request), "outcome": answer.outcome}
    return entry_of(request.client, **event, **whom, message_id=answer.message.id)
