"""The second address of an account: its link goes there if the owner can no longer read the account's own mailbox.

**It is a second way in, so it is verified, late and told.** The signed-in owner adds it with the current password, or
the app does. A link to the new address verifies it within 24 hours (NIST SP 800-63B-4 4.2.1.2 on codes sent by mail).
The account's own mailbox is told at once, with the button "this was not me" (4.6), and the address gets no reset link
before `second_address.wait` is over, so an attacker in a session cannot use it at once. Removing it takes the password.
Each removal is told to both mailboxes. A new password ends what has yet to be verified, as does a move of the account.
A link works only while its mailbox is the account's second address and is not blocked.

**A request says that it wants the second address; it does not name it.** It is one row as any other, and the worker
looks up the second addresses of all requests by one statement. So neither the answer nor the work shows whether an
account has one. The own mailbox is told of each link that goes to the second one.

**A mailbox can end only what is its own.** The button in the own mailbox ends no link at the second address, since a
thief may read either. It removes an address that was added in the last 30 days while the account was at that mailbox,
as does an accepted code of the help desk: an intruder may have added it. The owner or an operator removes an older one.
A locked account gets links only where it was locked. `docs/security.md` has both thieves.

**It tells nothing about other accounts.** No other account is looked up. A mailbox's limits, suppression, muting and
blocks hold, an account can have so many links a day sent to new addresses, and the trail has the outcome. The owner is
not told of it: an address that gets no mail is pending as any other. A sign-in does not end the muting of the second
mailbox, since another person may read it, who has no other way to stop these mails.

**An app's own column or attribute can hold it** (`SecondAddresses.of_app`). Then nothing is added or removed here.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.errors import Fault
from keyturn.mail.port.email import Email
from keyturn.outbox import Delivery, Dropped, Message
from keyturn.problems.proofs import SecurityLinkDead
from keyturn.problems.requests import InputInvalid
from keyturn.reset.change import CHANGES
from keyturn.reset.confirm import ConfirmationHandler
from keyturn.reset.events import AppEvents
from keyturn.reset.ground import Ground
from keyturn.reset.mails.composer import MailComposer, SealedMail, SecureToken
from keyturn.reset.mails.delivery import MailDelivery
from keyturn.reset.records import tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.link_store import NewLink
from keyturn.reset.records.messages import (
    SECOND_ADDRESS_ASKED,
    SECOND_ADDRESS_CHANGED,
    AddressChange,
    ResetRequested,
    SecondAddressAsked,
    SecondAddressWasChanged,
)
from keyturn.reset.records.second_addresses import LINK_LIFE, NewAddress, SecondAddress
from keyturn.reset.records.stores import Transaction
from keyturn.settings import SecondAddressSettings
from keyturn.telemetry.meters import count_calls

INTRUSION = timedelta(days=30)
"""An address that was added this long before "this was not me" may be the intruder's."""

_EVENT = "second_address"
"""The event's name in the audit trail."""

_ENDS_ASKS = (*CHANGES, ("account_secured", "secured"), (_EVENT, "removed"))
"""Events of the trail that end what was asked for before: whoever asked may have known only the old password."""


class SecondAddressRoom:
    """Adds, verifies and removes second addresses, and says which mailbox a link goes to."""

    def __init__(self, ground: Ground, settings: SecondAddressSettings) -> None:
        self._records = ground.records
        self._accounts = ground.accounts
        self._limits = ground.limits
        self.meters = ground.meters
        self.settings = settings

    async def find(self, account: Account) -> SecondAddress | None:
        """Return the account's second address, or the one that has yet to be verified."""
        return await self._records.second_addresses.find(account.id, now())

    @count_calls("second_address")
    async def ask(self, email: str, second: str, client: Client, account_id: str = "") -> None:
        """Accept a new address, which the worker mails a link to; "" removes the present one. It is committed.

        `email`: the account's own address. Its owner, or the app, has just been proved. Raises InputInvalid, also if
        both addresses are one mailbox.
        """
        email, second = addresses.parse(email), _parse(second) if second else ""
        if email == second:
            raise InputInvalid(Fault("secondAddress", "is the account's own address"))
        asked = SecondAddressAsked(account_id=account_id, at=now(), client=client, email=email, second=second)
        await self._records.outbox.post(SECOND_ADDRESS_ASKED, asked)

    async def check(self, token: str, client: Client) -> SecondAddress:
        """Return what the link verifies, and change nothing. Raises SecurityLinkDead, TooManyRequests."""
        await self._limits.count("validate", client)
        found = await self._records.second_addresses.find_pending(tokens.digest(token), now())
        if found is None:
            raise SecurityLinkDead
        return found

    @count_calls("second_address")
    async def verify(self, token: str, client: Client) -> None:
        """Make the address that got the link the account's second one, and tell the account's mailbox.

        Raises SecurityLinkDead, TooManyRequests, AccountsUnready.
        """
        await self._limits.count("reset", client)
        digest, moment = tokens.digest(token), now()
        found = await self._records.second_addresses.find_pending(digest, moment)
        account = await self._accounts.get(found.account_id) if found else None
        if account is None or not account.active:
            raise SecurityLinkDead
        usable_at = moment + self.settings.wait

        def write(tx: Transaction) -> None:
            tx.hold(account.id)
            second = tx.second_addresses.verify(digest, account.email, moment, usable_at)
            if second is None:
                raise SecurityLinkDead
            self._tell(tx, _noticed(account.id, account.email, second, "added", client, moment, usable_at))

        await self._records.transact(write)
        self._records.outbox.wake()

    async def remove(self, account: Account, client: Client, *, until: datetime | None = None) -> bool:
        """Remove the account's second and pending addresses; return whether there was one. Its links end, too.

        `until`: only if it was added by then.
        """
        moment = now()

        def write(tx: Transaction) -> bool:
            tx.hold(account.id)
            second = self._end(tx, account.id, moment, until=until)
            if second:
                self._tell(tx, _noticed(account.id, account.email, second, "removed", client, moment))
            return bool(second)

        removed = await self._records.transact(write)
        self._records.outbox.wake()
        return removed

    def end_recent(self, tx: Transaction, account_id: str, moment: datetime, *, mailbox: str | None = None) -> None:
        """Remove an address that an intruder may have added, and end its links, as a port of `ChangeEffects`.

        `mailbox`: only one that was added while the account was at that address.
        """
        if second := self._end(tx, account_id, moment, since=moment - INTRUSION, primary=mailbox):
            told = _noticed(account_id, mailbox or "", second, "removed", Client(), moment)
            self._tell(tx, msgspec.structs.replace(told, secures=False), "ended")

    def end_pending(self, tx: Transaction, account_id: str, moment: datetime, *, mailbox: str | None = None) -> None:
        """End the link to a new address, as a port of `ChangeEffects`: whoever asked for it knew the old password."""
        del moment, mailbox
        tx.second_addresses.remove_pending(account_id)

    def _end(
        self,
        tx: Transaction,
        account_id: str,
        moment: datetime,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        primary: str | None = None,
    ) -> str:
        second = tx.second_addresses.remove(account_id, since=since, until=until, primary=primary)
        if second:
            tx.links.revoke_all(account_id, moment, mailbox=second)
        return second

    def _tell(self, tx: Transaction, told: SecondAddressWasChanged, outcome: str = "") -> None:
        """Tell the account's own mailbox and, of a removal, the second one, and record it under the change's name."""
        message = tx.outbox.enqueue(SECOND_ADDRESS_CHANGED, told)
        if told.change == "removed":
            copy = msgspec.structs.replace(told, email=told.second, secures=False, is_copy=True)
            tx.outbox.enqueue(SECOND_ADDRESS_CHANGED, copy)
        known = told.account_id, told.email or told.second
        tx.audit.write(_EVENT, outcome or told.change, told.client, told.at, *known, message_id=message)

    # Which mailboxes get a mail: ports of `answer.py` and `confirm.py`

    async def recipients(self, requests: Sequence[tuple[ResetRequested, Account]]) -> Sequence[str | None]:
        """Return the mailbox that each request's mail goes to; None if the account has none. One statement for all."""
        usable = await self._records.second_addresses.usable([account for _, account in requests], now())
        return [
            self._second(usable.get(account.id), account) if asked.to == "second" else account.email
            for asked, account in requests
        ]

    def _second(self, second: str | None, account: Account) -> str | None:
        is_other = second is not None and not addresses.is_same_mailbox(second, account.email)
        return second if is_other and not account.locked else None

    def tell(self, tx: Transaction, links: Sequence[tuple[ResetRequested, Account, str, bool]]) -> None:
        """Tell the accounts' own mailboxes of the wanted links to second ones. No statement runs for other requests."""
        told = [
            (_noticed(account.id, account.email, mailbox, "used", asked.client, asked.at), wanted)
            for asked, account, mailbox, wanted in links
            if asked.to == "second"
        ]
        if told:
            tx.outbox.enqueue_each_if(SECOND_ADDRESS_CHANGED, told)

    async def copies(self, account: Account) -> Sequence[str]:
        """Return the mailbox that gets a copy of a confirmation to the account's own, unless it is blocked."""
        (second,) = (await self._records.second_addresses.usable([account], now())).values() or [""]
        is_told = second and not addresses.is_same_mailbox(second, account.email)
        return [second] if is_told and not await self._records.mailboxes.is_blocked(second) else []


def _noticed(
    account_id: str,
    email: str,
    second: str,
    change: AddressChange,
    client: Client,
    moment: datetime,
    usable_at: datetime | None = None,
) -> SecondAddressWasChanged:
    return SecondAddressWasChanged(
        account_id=account_id,
        at=moment,
        client=client,
        email=email,
        second=second,
        change=change,
        usable_at=usable_at or moment,
    )


def _parse(second: str) -> str:
    try:
        return addresses.parse(second)
    except InputInvalid as error:
        raise InputInvalid(*(Fault("secondAddress", fault.message) for fault in error.faults)) from None


class NewAddressHandler:
    """Mails a link to a new address, unless the account or the mailbox may have none. The trail says why."""

    def __init__(self, mails: MailDelivery, ground: Ground, room: SecondAddressRoom, composer: MailComposer) -> None:
        self._mails = mails
        self._records = ground.records
        self._accounts = ground.accounts
        self._room = room
        self._composer = composer

    async def __call__(self, message: Message) -> Dropped | Delivery:
        return await self._mails.deliver(message, self._answer, works=self._works)

    async def _works(self, link: bytes) -> bool:
        return bool(await self._records.second_addresses.find_pending(link, now()))

    async def _answer(self, message: Message) -> Email | Dropped:
        asked = msgspec.json.decode(message.payload, type=SecondAddressAsked)
        account = await self._accounts.find(asked.email)
        if account is None or (asked.account_id and account.id != asked.account_id):
            return Dropped("no_account")
        if not asked.second:
            removed = await self._room.remove(account, asked.client, until=asked.at)
            return Dropped("removed" if removed else "no_second_address")
        token, moment = tokens.mint(os.urandom), now()
        mail = self._composer.about_new_address(account, asked, token, moment, LINK_LIFE)
        sealed = self._mails.seal(mail)

        def write(tx: Transaction) -> Email | Dropped:
            outcome = self._propose(tx, account, asked, mail, moment)
            known = account.id, account.email
            tx.audit.write(_EVENT, outcome, asked.client, moment, *known, message_id=message.id)
            if outcome != "link_mailed":
                return tx.outbox.drop_held(message, outcome)
            tx.outbox.store_held(message, sealed)
            return mail.email

        return await self._records.transact(write)

    def _propose(
        self, tx: Transaction, account: Account, asked: SecondAddressAsked, mail: SealedMail, moment: datetime
    ) -> str:
        """Note the address and its mail; return the outcome for the audit trail."""
        if not account.active:
            return "disabled"
        tx.hold(account.id)
        if tx.audit.has_since(account.id, _ENDS_ASKS, asked.at):
            return "superseded"
        digest = mail.link or b""
        new = NewAddress(
            account_id=account.id,
            primary_email=account.email,
            pending=asked.second,
            digest=digest,
            added_at=asked.at,
        )
        if not tx.second_addresses.propose(new, moment, self._room.settings.daily):
            return "refused"
        # Last, so that an account cannot use up the cooldown of other people's mailboxes without limit.
        if not all(tx.mailboxes.claim([(asked.second, True)], moment)):
            # It stays pending: an owner who saw it vanish would learn that this mailbox has just got a mail of ours.
            return tx.mailboxes.refuses_links(asked.second, moment) or "cooldown"
        tx.second_addresses.replace_link(account.id, digest, moment)
        if mail.mute:
            tx.links.add([(_muting_link(account.id, asked, mail.mute, moment), True)], moment)
        return "link_mailed"


def _muting_link(account_id: str, asked: SecondAddressAsked, mute: bytes, moment: datetime) -> NewLink:
    """Return a link that is over from the start, and whose token no mail has: it only mutes the new mailbox."""
    return NewLink(
        digest=os.urandom(32),
        account_id=account_id,
        email=asked.second,
        ip_address=asked.client.ip_address,
        user_agent=asked.client.user_agent,
        expires_at=moment,
        second=True,
        mute_digest=mute,
    )


class AddressNoticeHandler(ConfirmationHandler):
    """Tells the account's own mailbox, and the app, of an address that was added or removed, or that got a link."""

    kind = SECOND_ADDRESS_CHANGED
    payload = SecondAddressWasChanged

    def __init__(self, events: AppEvents, *parts: Any) -> None:
        super().__init__(*parts)
        self._events = events

    async def __call__(self, message: Message) -> Dropped | Delivery:
        delivery = await super().__call__(message)
        self._events.wake()
        return delivery

    def _follow(self, tx: Transaction, account: Account, change: SecondAddressWasChanged) -> None:
        if change.change != "used" and not change.is_copy:
            self._events.second_address_changed(tx, account, change)

    async def _compose(
        self, account: Account, change: SecondAddressWasChanged, secure: SecureToken | None
    ) -> SealedMail:
        return await self._composer.about_second_address(account, change, secure)
