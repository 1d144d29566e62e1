"""Answers requests for links, in the worker: decides who gets which mail, and stores it with its link."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec

from keyturn.mail.port.email import Email
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.outbox.message import Delivery, Dropped, Message, Settlement, new_key
from keyturn.service.outbox.queue import LeaseLost
from keyturn.service.reset.events import AppEvents, Outcome
from keyturn.service.reset.ground import Ground, Transaction
from keyturn.service.reset.mails.composer import MailComposer, SealedMail
from keyturn.service.reset.mails.delivery import MailDelivery
from keyturn.service.reset.proofs.port import CodesBesideLinks
from keyturn.service.reset.records.audit import entry_of
from keyturn.service.reset.records.links import BUTTON_LIFE, may_get_link, mint_link, purpose_for
from keyturn.service.reset.records.mailboxes import Refusal
from keyturn.service.reset.records.messages import ResetRequested, event_of
from keyturn.service.secrets import Minted, Purpose, Secret

INVITED = timedelta(days=3)
"""How long a link works that an operator asked for: its reader does not wait for the mail. A button replaces it."""


@dataclass(frozen=True)
class ResetLinks:
    """Mints links and writes the mails that carry them.

    `lifetime`: how long a link works that its owner asked for.
    `mailed`: mints the code beside a link that its owner asked for; None without codes.
    """

    composer: MailComposer
    mailed: CodesBesideLinks | None
    lifetime: timedelta

    async def without_code(self, emails: Collection[str]) -> Collection[str]:
        """Return the addresses that get no code, since too many were guessed there in a row."""
        return await self.mailed.exhausted(emails) if self.mailed else ()

    def compose(
        self,
        account: Account,
        request: ResetRequested,
        moment: datetime,
        *,
        recovers: bool = False,
        without_code: bool = False,
    ) -> tuple[SealedMail, Sequence[Minted]]:
        """Return the mail with a fresh link, or the mail about another provider if the account signs in there.

        With it come the link and code to store, which are not wanted if the mail has none. If the owner has reported a
        change, the link `recovers`, as does any link for a locked account.
        """
        purpose = Purpose.UNLOCK if recovers else purpose_for(account, by_operator=bool(request.client.operator))
        life = BUTTON_LIFE if purpose is Purpose.UNLOCK else INVITED if request.by_operator else self.lifetime
        facts = {"reason": request.reason, "return_to": request.return_to}
        token, link = mint_link(account, purpose, moment, moment + life, **facts)
        if not account.takes_password:
            return self.composer.about_provider(account, request.client), [(link, False)]
        code = None
        if self.mailed and not (without_code or link.recovers or request.by_operator or account.awaits_password):
            code = self.mailed.mint(account, moment)
        mail = self.composer.with_link(account, request.client, token, link, code)
        return mail, [(link, True), *([(code[1], True)] if code else [])]


LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"

_DECODER = msgspec.json.Decoder(ResetRequested)

_PATIENCE = 2.0
"""Seconds for which requests wait for the accounts of all. A look-up that takes longer delays its own request alone."""


class _Answer(msgspec.Struct, kw_only=True):
    """The answer to a request. `outcome`: which mail it gets or why it gets none, once that is known.

    `existing`: the account of the address, if there is one. `account`: the same, or one without an id.
    """

    message: Message
    request: ResetRequested
    existing: Account | None
    account: Account
    outcome: Literal["", "no_account", "disabled", "needs_no_invitation"] | Refusal | Outcome = ""
    email: Email | None = None


class _Draft(NamedTuple):
    """A rendered and sealed mail for an answer, with the secrets in it. It is discarded if the answer is another."""

    answer: _Answer
    mail: SealedMail
    minted: Sequence[Minted]
    sealed: bytes

    @property
    def outcome(self) -> Outcome:
        return LINK_MAILED if self.mail.link else PROVIDER_MAILED


class ResetRequestHandler:
    """Answers requests: with a link, with how to sign in, or not at all. The audit trail records which.

    The requests of a claim are answered in one transaction. The time that this process and the database take does not
    reveal which addresses have an account (OWASP ASVS 6.3.8). At least one mail is rendered and sealed, even if none
    will be sent, and the same statements run, so the work for one account is the same as for none. A locked account
    gets a recovery link, as long as it has the address of the owner who locked it.
    """

    def __init__(self, mails: MailDelivery, ground: Ground, links: ResetLinks, events: AppEvents) -> None:
        self._mails = mails
        self._ground = ground
        self._links = links
        self._events = events

    async def prepare(self, messages: Sequence[Message]) -> Sequence[Delivery | Dropped | Exception]:
        """Answer the first tries together, in one transaction, and return the delivery of each message.

        Without an answer to its look-up, a message is handled alone: it then delays and fails no other.
        """
        requests = {one.id: _DECODER.decode(one.payload) for one in messages if not one.sealed}
        accounts = await self._find_together({one.email for one in requests.values()})
        first = [one for one in messages if one.id in requests and requests[one.id].email in accounts]
        answer_all = partial(self._answer_all, requests=requests, accounts=accounts)
        answered = await self._mails.prepare_all(first, answer_all) if first else []
        prepared = dict(zip((one.id for one in first), answered, strict=True))
        return [prepared.get(one.id) or partial(self, one) for one in messages]

    async def __call__(self, message: Message) -> Settlement:
        """Answer a request alone, or send the mail of an earlier try."""
        return await self._mails.deliver(message, self._answer_alone, expired=self._answer_anew)

    async def _answer_alone(self, message: Message, *, again_at: datetime | None = None) -> Email | Dropped:
        request = _DECODER.decode(message.payload)
        accounts = {request.email: await self._ground.accounts.find(request.email)}
        requests = {message.id: request}
        (answer,) = await self._answer_all([message], requests=requests, accounts=accounts, again_at=again_at)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer_anew(self, message: Message, link: Secret) -> Settlement:
        """Answer a request again whose link has expired before its mail was accepted.

        If the old mail certainly has not arrived, the request is answered like a new one, by another mail under another
        key. Otherwise nothing is sent: a second mail with a link would look like a second request.
        """
        if message.sender is None:
            anew = msgspec.structs.replace(message, key=new_key(), sealed=None)
            return await self._mails.deliver(anew, partial(self._answer_alone, again_at=now()))
        request = _DECODER.decode(message.payload)

        def write(tx: Transaction) -> Dropped:
            tx.outbox.require(message)
            to = request.client, now(), link.account_id, link.facts.email
            tx.audit.write(event_of(request), "expired", *to, message_id=message.id)
            tx.outbox.drop([(message, "expired")])
            return Dropped("expired")

        return await self._ground.transact(write)

    async def _answer_all(
        self,
        messages: Sequence[Message],
        *,
        requests: Mapping[int, ResetRequested],
        accounts: Mapping[str, Account | None],
        again_at: datetime | None = None,
    ) -> Sequence[Email | Dropped | Exception]:
        """Decide and store the answers.

        `requests`: the request of each message, by its id.
        `accounts`: the account of each address.
        `again_at`: when these requests are answered again, for the audit trail.
        """
        answers = [_answer(one, requests[one.id], accounts[requests[one.id].email]) for one in messages]
        moment = now()
        await self._refuse(answers)
        drafts = await self._draft(answers, moment)

        def write(tx: Transaction) -> Collection[int]:
            held = tx.outbox.lock(messages)
            self._claim(tx, drafts, held)
            self._store(tx, drafts)
            self._record(tx, [one for one in answers if one.message.id in held], again_at)
            # A worker that dies after this commit has left nothing to decide.
            tx.outbox.drop([(one.message, one.outcome) for one in answers if not one.email])
            return held

        held = await self._ground.transact(write)
        return [one.email or (Dropped(one.outcome) if one.message.id in held else LeaseLost()) for one in answers]

    async def _find_together(self, emails: Collection[str]) -> Mapping[str, Account | None]:
        """Return the accounts of the addresses that the store can look up together and in time."""
        if not emails:
            return {}
        async with asyncio.timeout(_PATIENCE):
            answers = zip(emails, await self._ground.accounts.find_all(list(emails)), strict=True)
        return {email: one for email, one in answers if not isinstance(one, Exception)}

    async def _refuse(self, answers: Sequence[_Answer]) -> None:
        """Note why a request gets no mail, if that is already known."""
        reachable = await may_get_link(self._ground.database, [one.account for one in answers])
        mailboxes = await self._ground.mailboxes.look({one.account.email for one in answers})
        answered: set[str] = set()
        for one in answers:
            if one.existing is None:
                continue
            if one.existing.id not in reachable:
                one.outcome = "disabled"
            elif one.request.invited and not one.existing.awaits_password:
                one.outcome = "needs_no_invitation"
            else:
                mailbox = addresses.normalize(one.account.email)
                is_again = mailbox in answered and self._ground.mailboxes.cooldown
                one.outcome = mailboxes[one.account.email].refusal or ("cooldown" if is_again else "")
                answered.add(mailbox)

    async def _draft(self, answers: Sequence[_Answer], moment: datetime) -> Sequence[_Draft]:
        """Return a mail for each request that may get one; if there is none, a mail that is not sent."""
        without_code = await self._links.without_code({one.account.email for one in answers})
        wanted, drafts = [one for one in answers if not one.outcome], []
        for one in wanted or [_answer(answers[0].message, answers[0].request, None)]:
            has_none = one.account.email in without_code
            mail, minted = self._links.compose(one.account, one.request, moment, without_code=has_none)
            drafts.append(_Draft(one, mail, minted, self._mails.seal(mail)))
            await asyncio.sleep(0)  # a mail takes a while, and the process may have other requests to answer
        return drafts

    def _claim(self, tx: Transaction, drafts: Sequence[_Draft], held: Collection[int]) -> None:
        """Claim the mailboxes of the drafts whose messages this worker still holds."""
        wanted = [not one.answer.outcome and one.answer.message.id in held for one in drafts]
        mailboxes = [(draft.mail.email.to, is_wanted) for draft, is_wanted in zip(drafts, wanted, strict=True)]
        refusals = tx.mailboxes.claim(mailboxes)
        for draft, is_wanted, refusal in zip(drafts, wanted, refusals, strict=True):
            if is_wanted and not refusal:
                draft.answer.outcome, draft.answer.email = draft.outcome, draft.mail.email
            elif is_wanted and refusal:
                draft.answer.outcome = refusal  # another worker was first

    def _store(self, tx: Transaction, drafts: Sequence[_Draft]) -> None:
        """Store the links and mails of the drafts that are sent, and tell the app."""
        stored = [(draft, draft.answer.email is not None) for draft in drafts]
        secrets.add(tx.connection, [(secret, yes and wanted) for one, yes in stored for secret, wanted in one.minted])
        tx.outbox.seal([(one.answer.message, one.sealed if yes else None) for one, yes in stored])
        events = [(one.answer.request, one.answer.account, one.outcome, yes) for one, yes in stored]
        self._events.resets_requested(tx, events)

    def _record(self, tx: Transaction, answers: Sequence[_Answer], again_at: datetime | None) -> None:
        entries = [
            entry_of(
                one.request.client,
                at=again_at or one.request.at,
                event=event_of(one.request),
                outcome=one.outcome,
                account_id=one.account.id,
                email=one.request.audited(one.existing),
                message_id=one.message.id,
            )
            for one in answers
        ]
        tx.audit.write_all(entries)


def _answer(message: Message, request: ResetRequested, existing: Account | None) -> _Answer:
    account = existing or Account(id="", email=request.email)
    return _Answer(
        message=message,
        request=request,
        existing=existing,
        account=account,
        outcome="" if existing else "no_account",
    )
