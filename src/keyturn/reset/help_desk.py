"""Lets an owner in whose mailbox is lost: an operator checks who calls, and reads out a code that works once.

NIST SP 800-63B-4 4.2.1 allows an agent as a method of recovery, on a documented analysis of the risks
(`docs/security.md`). The code has more digits than 4.2.1.2 asks for, and works for the ten minutes that it allows a
code that is told by voice.

**The mailbox may be a thief's.** It is told of each case, as 4.2.3 asks. It can delay a case and bring in a second
operator, once, and cannot end it. An accepted code ends its links and codes and its buttons "this was not me", and
blocks it: no link goes there until an operator unblocks it. An account at another address is not affected.

**A stranger alone can neither use the code up nor lock it out.** It is apart from mailed codes, whose
requests and limits anyone can use up. A client has five tries, the networks around it have a few times as many, and all
together a hundred, which twenty networks can use up.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import msgspec

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.errors import KeyturnError, SendRetryable
from keyturn.keys import derive
from keyturn.problems.proofs import CodeRefused, SecurityLinkDead
from keyturn.problems.requests import TooManyRequests
from keyturn.reset.change import ChangeEffects
from keyturn.reset.ground import Ground
from keyturn.reset.proofs.code_exchange import IssuedToken, unmailed_link
from keyturn.reset.records import codes, tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.codes import TriedCode
from keyturn.reset.records.guarded import DAY
from keyturn.reset.records.help_cases import HelpCase
from keyturn.reset.records.messages import HELP_REQUESTED, HelpRequested
from keyturn.reset.records.stores import Transaction
from keyturn.settings import HelpDeskSettings
from keyturn.telemetry.logs import LogEvent, reset_log
from keyturn.telemetry.meters import count_calls

_EVENT = "help_desk"
"""The event's name in the audit trail."""


class HelpRefused(KeyturnError):
    """The help desk cannot go on with a case; the text says why."""


class ReadOutCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code for a caller, and when it stops working."""

    code: str
    expires_at: datetime


class HelpDesk:
    """Opens cases for operators, issues codes, and exchanges a code for a token like that of a link."""

    def __init__(self, ground: Ground, effects: ChangeEffects, settings: HelpDeskSettings) -> None:
        self._ground = ground
        self._records = ground.records
        self._effects = effects
        self._keys = codes.CodeKeys(ground.secrets)
        self._settings = settings
        self.meters = ground.meters

    async def find(self, account: Account) -> HelpCase | None:
        """Return the account's open case."""
        cases, moment = self._records.help_cases, now()
        return await self._records.database.read(lambda one: cases.within(one).find(account.id, account.email, moment))

    def needs_approval(self, case: HelpCase) -> bool:
        """Return whether a second operator has yet to approve the case."""
        return not case.approved_by and (self._settings.approval or case.stopped_at is not None)

    async def open(self, account: Account, operator: Client, note: str) -> HelpCase:
        """Open a case, tell the account's mailbox unless it is blocked, and return the case. It is committed.

        Raises HelpRefused if the account has an open case, is disabled, or has no password.
        """
        if not (account.active or account.locked) or not account.takes_password:
            why = "signs in through another service" if account.active else "is disabled"
            raise HelpRefused(f"{account.email} {why}, so no code could set a password")
        moment = now()
        asked = HelpRequested(account_id=account.id, at=moment, client=operator, email=account.email)
        stop = tokens.digest(self._stop_tokens(asked)[0])
        case = HelpCase(
            account_id=account.id,
            email=account.email,
            operator=operator.operator,
            approved_by="",
            note=note,
            ready_at=moment + self._settings.wait,
            stopped_at=None,
        )

        def write(tx: Transaction) -> None:
            tx.hold(account.id)
            if tx.help_cases.find(account.id, account.email, moment):
                raise HelpRefused(f"{account.email} has an open case: leave out --reason, --caller and --checked")
            tx.help_cases.open(case, stop, moment)
            message = None
            if not tx.mailboxes.is_blocked_within(account.email):  # else a thief could stop what lets the owner in
                message = tx.outbox.enqueue(HELP_REQUESTED, msgspec.structs.replace(asked, stop=stop))
            known = account.id, account.email
            tx.audit.write(_EVENT, "opened", operator, moment, *known, message_id=message, note=note)

        await self._records.transact(write)
        self._records.outbox.wake()
        return case

    async def approve(self, case: HelpCase, operator: Client) -> None:
        """Approve a case as its second operator. Raises HelpRefused."""
        moment = now()

        def write(tx: Transaction) -> None:
            current = self._require_open(tx, case, moment)
            if operator.operator.casefold() == current.operator.casefold():
                raise HelpRefused(f"{current.operator} opened this case, so another operator has to approve it")
            if (current.note, current.stopped_at) != (case.note, case.stopped_at):
                raise HelpRefused("the case has changed meanwhile: run the command again to read it")
            if not self.needs_approval(current):
                raise HelpRefused("this case needs no approval")
            tx.help_cases.approve(case, operator.operator)
            tx.audit.write(_EVENT, "approved", operator, moment, case.account_id, case.email, note=current.note)

        await self._records.transact(write)

    async def issue(self, case: HelpCase, operator: Client) -> ReadOutCode:
        """Return a code to read out, in place of the case's earlier one.

        Raises HelpRefused before its time, without an approval that it needs, or if the operator had all of a day.
        """
        moment, code = now(), codes.mint(secrets.randbelow)

        def write(tx: Transaction) -> None:
            tx.hold(f"operator {operator.operator}")
            current = self._require_open(tx, case, moment)
            if self.needs_approval(current):
                raise HelpRefused("a second operator has to approve this case first, with --approve")
            if current.ready_at > moment:
                raise HelpRefused(f"no code can be issued before {current.ready_at:%Y-%m-%d %H:%M:%S} UTC")
            if tx.audit.count(_EVENT, "code_issued", operator.operator, moment - DAY) >= self._settings.daily:
                raise HelpRefused(
                    f"{operator.operator} has issued {self._settings.daily} codes in 24 hours: another operator can"
                    " issue this one, and help_desk.daily sets the limit"
                )
            tx.help_cases.issue(case, self._keys.digest(code, codes.mailbox_digest(case.email)), moment)
            tx.audit.write(_EVENT, "code_issued", operator, moment, case.account_id, case.email, note=current.note)

        await self._records.transact(write)
        return ReadOutCode(code=code, expires_at=moment + codes.LIFE)

    def _require_open(self, tx: Transaction, case: HelpCase, moment: datetime) -> HelpCase:
        tx.hold(case.account_id)
        current = tx.help_cases.find(case.account_id, case.email, moment)
        if current is None:
            raise HelpRefused(f"the case of {case.email} is over: its code was used, or a day has passed")
        return current

    # The caller's code

    async def exchange(self, address: str, code: str, client: Client) -> IssuedToken | None:
        """Return a token for the code that was read out for that address; None for any other code.

        The work is the same for every address, and for a client that has had its tries. Raises LimitsUnready.
        """
        may_try = True
        try:
            await self._ground.limits.count("help_code", client, about=address)
        except TooManyRequests:  # not told, since it would be no different without a code
            may_try = False
        moment = now()
        tried = await self._records.help_cases.count_try(address if may_try else f"over {address}", moment)
        fits = self._keys.fits(code, codes.mailbox_digest(address), tried.code)
        if not (fits and tried.account_id):
            return None
        account = await self._ground.accounts.get(tried.account_id)
        is_open = account is not None and (account.active or account.locked)
        if account is None or not is_open or not addresses.is_same_mailbox(account.email, tried.email):
            return None
        return await self._accept(account, tried, client)

    async def _accept(self, account: Account, tried: TriedCode, client: Client) -> IssuedToken:
        """Use the code up, take the account away from its mailbox, and store a link that was never mailed."""
        moment = now()
        issued, link = unmailed_link(account, client, moment + self._records.links.lifetime, by_help_desk=True)

        def write(tx: Transaction) -> None:
            # In the order of muting: the account, its mailbox, then its links.
            tx.hold(account.id)
            tx.mailboxes.block(account.email, moment, "help_desk")
            if not tx.help_cases.consume(tried, moment):
                raise CodeRefused
            self._effects.end_access(tx, account.id, moment)
            tx.links.end_for_good(account.id, moment)
            tx.secure_links.end_all(account.id, moment)
            tx.links.add([(link, True)], moment)
            tx.audit.write(_EVENT, "code_accepted", client, moment, account.id, account.email)

        await self._records.transact(write)
        self._records.outbox.wake()
        reset_log.warning(LogEvent("help_desk.code_accepted", account_id=account.id))
        return issued

    # The mailbox's button

    def stop_token(self, asked: HelpRequested) -> str:
        """Return the token of the button in the mail about a case, which no table holds.

        The key may have been replaced since the case was opened. Raises SendRetryable if this process does not have it.
        """
        candidates = self._stop_tokens(asked)
        if not asked.stop:
            return candidates[0]
        for token in candidates:
            if tokens.digest(token) == asked.stop:
                return token
        raise SendRetryable("the button was made with a secret key that is not in the settings", not_accepted=True)

    def _stop_tokens(self, asked: HelpRequested) -> Sequence[str]:
        """Return the button's token by each secret key."""
        told = f"{asked.at.isoformat()} {asked.account_id}".encode()
        macs = [hmac.digest(derive(secret, "help desk"), told, sha256) for secret in self._ground.secrets]
        return [urlsafe_b64encode(mac).decode().rstrip("=") for mac in macs]

    async def check(self, token: str, client: Client) -> HelpCase:
        """Return the case that the button stops, and change nothing. Raises SecurityLinkDead, TooManyRequests."""
        await self._ground.limits.count("validate", client)
        case = await self._records.help_cases.find_stoppable(tokens.digest(token), now())
        if case is None or await self._records.mailboxes.is_blocked(case.email):
            raise SecurityLinkDead
        return case

    @count_calls("stop_help")
    async def stop(self, token: str, client: Client) -> None:
        """Delay the case, and require a second operator for it. It is committed on return.

        Every fault of the link gets the same answer. Raises SecurityLinkDead, TooManyRequests.
        """
        await self._ground.limits.count("reset", client)
        digest, moment = tokens.digest(token), now()
        case = await self._records.help_cases.find_stoppable(digest, moment)

        def write(tx: Transaction) -> None:
            if case is None:
                raise SecurityLinkDead
            tx.hold(case.account_id)
            is_blocked = tx.mailboxes.is_blocked_within(case.email)  # since the mail
            if is_blocked or not tx.help_cases.stop(digest, moment, max(case.ready_at, moment + self._settings.delay)):
                raise SecurityLinkDead
            tx.audit.write("help_desk_stop", "stopped", client, moment, case.account_id, case.email)

        await self._records.transact(write)
        if case:
            reset_log.warning(LogEvent("help_desk.stopped", account_id=case.account_id))
