"""Somebody asked for a link: who gets which mail, and who gets none."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore, FindsTogether
from keyturn.database import now
from keyturn.database.batching import Batcher
from keyturn.mail.port.email import Email
from keyturn.outbox import Delivery, Dropped, LeaseLost, Message
from keyturn.problems.requests import DatabaseUnready
from keyturn.reset.changes.app_events import AppEvents, RequestedReset
from keyturn.reset.delivery.composer import SealedMail
from keyturn.reset.delivery.mail_delivery import MailDelivery, Renewal
from keyturn.reset.delivery.reset_links import ResetLinks
from keyturn.reset.records.audit import Audit, Entry
from keyturn.reset.records.mailboxes import Mailboxes, Refusal
from keyturn.reset.records.messages import ResetRequested, event_of
from keyturn.reset.records.secure_links import SecureLinkStore
from keyturn.webhooks.events import Outcome

LINK_MAILED: Final = "link_mailed"
PROVIDER_MAILED: Final = "provider_mailed"

_DECODER = msgspec.json.Decoder(ResetRequested)


class _Request(msgspec.Struct, kw_only=True):
    """A request on its way to an answer: `outcome` says which mail it gets or why it gets none, once that is known."""

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
    """A mail that was rendered and sealed for a request; one that is not `wanted` is for nobody."""

    request: _Request
    account: Account
    mail: SealedMail
    sealed: bytes
    wanted: bool

    @property
    def outcome(self) -> Outcome:
        return LINK_MAILED if self.mail.link else PROVIDER_MAILED


class ResetRequestHandler:
    """Answers requests: with a link, with how to sign in, or not at all. The audit trail says which.

    All that wait are answered in one transaction. Neither this process's time nor the database's tells whose address
    one was (OWASP ASVS 6.3.8): at least one mail is rendered and sealed, for nobody where nobody is to get any, and the
    same statements run, so that what is done for one account is done for none.

    One that its owner has locked gets a link to start anew, as long as it has the owner's address.
    """

    def __init__(
        self,
        mails: MailDelivery,
        accounts: AccountStore,
        mailboxes: Mailboxes,
        links: ResetLinks,
        audit: Audit,
        events: AppEvents,
        renew: Renewal,
        secured: SecureLinkStore,
    ) -> None:
        self._mails = mails
        self._accounts = accounts
        self._mailboxes = mailboxes
        self._links = links
        self._audit = audit
        self._events = events
        self._renew = renew
        self._secured = secured
        self._answers: Batcher[_Request, Email | Dropped] = Batcher(self._answer_all, common=DatabaseUnready)

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._answer, self._renew)

    @property
    def prepares_together(self) -> bool:
        """Whether accounts are found by one statement: of many look-ups elsewhere, the slowest would hold all up."""
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
        return [await self._accounts.find(email) for email in emails]  # one: such are not prepared together

    async def _answer_all(self, requests: Sequence[_Request]) -> Sequence[Email | Dropped | Exception]:
        moment = now()
        await self._refuse(requests, moment)
        drafts = await self._draft(requests, moment)

        def answer(connection: Connection) -> None:
            self._claim(connection, requests, drafts, moment)
            self._store(connection, drafts, moment)
            self._record(connection, requests)

        await self._mails.database.transact(answer)
        self._events.wake()
        return [request.result for request in requests]

    async def _refuse(self, requests: Sequence[_Request], moment: datetime) -> None:
        """Note why a request gets no mail, where that is known beforehand."""
        refusals = await self._mailboxes.refusals({request.account.email for request in requests}, moment)
        recoverable = await self._secured.recoverable([request.account for request in requests])
        answered: set[str] = set()
        for request in requests:
            if request.found is None:
                request.outcome = "no_account"
            elif not (request.found.active or request.found.id in recoverable):
                request.outcome = "disabled"
            elif request.asked.invited and not request.found.awaits_password:
                request.outcome = "needs_no_invitation"
            else:
                mailbox = addresses.normalize(request.found.email)
                again: Refusal | Literal[""] = "cooldown" if mailbox in answered and self._mailboxes.cooldown else ""
                request.outcome = refusals.get(request.found.email, again)
                answered.add(mailbox)

    async def _draft(self, requests: Sequence[_Request], moment: datetime) -> Sequence[_Draft]:
        """Return a mail for each request that may get one; where none may, one for nobody."""
        drafts = []
        without_code = await self._links.without_code({request.account.email for request in requests})
        for request in requests:
            if not request.outcome:
                try:
                    has_none = request.account.email in without_code
                    drafts.append(self._compose(request, request.account, moment, wanted=True, without_code=has_none))
                except Exception as error:  # noqa: BLE001 - such as a fault in a template of one kind of account's
                    request.error = error
                await asyncio.sleep(0)  # a mail takes a while, and the process may have others to answer
        nobody = Account(id="", email=requests[0].asked.email)
        return drafts or [self._compose(requests[0], nobody, moment, wanted=False)]

    def _compose(
        self, request: _Request, account: Account, moment: datetime, *, wanted: bool, without_code: bool = False
    ) -> _Draft:
        mail = self._links.compose(account, request.asked, moment, without_code=without_code)
        return _Draft(request=request, account=account, mail=mail, sealed=self._mails.seal(mail), wanted=wanted)

    def _claim(
        self, connection: Connection, requests: Sequence[_Request], drafts: Sequence[_Draft], moment: datetime
    ) -> None:
        """Claim the mailboxes of those drafts whose messages are in these hands still."""
        held = self._mails.lock(connection, [request.message for request in requests])
        for request in requests:
            if request.message.id not in held:
                request.error = LeaseLost()
        mailboxes = [(draft.account.email, draft.wanted and not draft.request.error) for draft in drafts]
        for draft, claimed in zip(drafts, self._mailboxes.claim(connection, mailboxes, moment), strict=True):
            if claimed:
                draft.request.outcome, draft.request.email = draft.outcome, draft.mail.email
            elif draft.wanted:
                draft.request.outcome = "cooldown"  # another worker was first

    def _store(self, connection: Connection, drafts: Sequence[_Draft], moment: datetime) -> None:
        """Keep the links and the mails of those that are sent, and tell the app."""
        stored = [(draft, draft.request.email is not None) for draft in drafts]
        self._links.store(connection, [(one.mail, one.account, one.request.asked, yes) for one, yes in stored], moment)
        self._mails.store_all(connection, [(one.request.message, one.sealed if yes else None) for one, yes in stored])
        # Of what the app asked for itself it is not told.
        events = [(_reset_of(one), yes and not one.request.asked.invited) for one, yes in stored]
        self._events.resets_requested(connection, events)

    def _record(self, connection: Connection, requests: Sequence[_Request]) -> None:
        entries = [
            Entry(
                at=one.asked.at,
                event=event_of(one.asked),
                outcome=one.outcome,
                account_id=one.account.id,
                email=one.asked.email,
                ip_address=one.asked.client.ip_address,
                user_agent=one.asked.client.user_agent,
                request_id=one.asked.client.request_id,
                message_id=one.message.id,
                operator=one.asked.client.operator,
            )
            for one in requests
            if not one.error
        ]
        self._audit.write_all(connection, entries)


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


def _reset_of(draft: _Draft) -> RequestedReset:
    asked = draft.request.asked
    return RequestedReset(account=draft.account, client=asked.client, outcome=draft.outcome, moment=asked.at)
