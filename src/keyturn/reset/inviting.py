"""Inviting people to choose their first password: what an operator does, and no stranger."""

import asyncio
import hmac
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore, LocksAccounts
from keyturn.database import now
from keyturn.errors import KeyturnError
from keyturn.outbox import Outbox
from keyturn.outbox.models import OutboxRow
from keyturn.problems.proofs import ServiceKeyRefused
from keyturn.problems.requests import InputInvalid
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.reset.records.mailboxes import Refusal
from keyturn.reset.records.messages import RESET_REQUESTED, ResetRequested
from keyturn.reset.records.stores import Records
from keyturn.telemetry.meters import Meters, count_calls

_AT_ONCE = 500
"""Messages that are written in one statement at most."""


class Invitations:
    """Accepts invitations. Who awaits no password gets none: the worker decides, as it does for requests.

    `service_key` is what an operator's app bears; with "" none is let in.
    """

    def __init__(self, outbox: Outbox, limits: RateLimits, meters: Meters, *, service_key: str) -> None:
        self._outbox = outbox
        self._limits = limits
        self.meters = meters
        self._service_key = service_key

    @property
    def over_http(self) -> bool:
        """Whether operators' apps may invite."""
        return bool(self._service_key)

    async def require_key(self, sent: str, client: Client) -> None:
        """Raise ServiceKeyRefused for another key, and TooManyRequests where a client has shown too many.

        The comparison takes as long wherever they differ (CWE-208).
        """
        if not self._service_key or not hmac.compare_digest(sent.encode(), self._service_key.encode()):
            await self._limits.count("malformed", client)
            raise ServiceKeyRefused

    @count_calls("invite")
    async def invite(self, email: str, client: Client) -> None:
        """Accept an invitation. Once this returns, it is committed. Raises InputInvalid for what is no address."""
        await self._post(addresses.parse(email), client)

    async def invite_all(self, emails: Collection[str], operator: Client | None = None) -> None:
        """Accept those of an operator at the command line, who knows that the addresses are accounts'."""
        waiting, client = [addresses.parse(email) for email in emails], operator or Client()
        for start in range(0, len(waiting), _AT_ONCE):
            await asyncio.gather(*(self._post(email, client) for email in waiting[start : start + _AT_ONCE]))

    async def _post(self, address: str, client: Client) -> None:
        await self._outbox.post(RESET_REQUESTED, ResetRequested(email=address, at=now(), client=client, invited=True))


Outcome = Literal["asked", "malformed", "no_account", "disabled", "locked", "signs_in_elsewhere"] | Refusal

RETRIED: Collection[Outcome] = ("locked", "suppressed", "muted", "daily_limit", "cooldown")
"""What may be otherwise by the next run."""


class NotLocked(KeyturnError):
    """An account was not unlocked; the text says why."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Why everybody is asked, and by whom. `name` is its own: nobody is asked twice under one name."""

    name: str
    operator: Client
    reason: str = ""


class OperatorResets:
    """Judges whom an operator may ask, and asks them: the worker sends the mails. Unlocks accounts."""

    def __init__(self, records: Records, accounts: AccountStore) -> None:
        self._records = records
        self._accounts = accounts

    async def begin(self, campaign: Campaign) -> None:
        """Note in the audit trail that everybody is going to be asked, and by whom."""
        await self._records.audit.record("reset_all", "begun", campaign.operator, at=now(), account_id="", email="")

    async def judge(self, emails: Sequence[str]) -> list[tuple[str, Outcome]]:
        """Return each address, as it is looked up, with what would become of it. Raises AccountsUnready."""
        found = await asyncio.gather(*map(self._find, emails))
        accounts = [account for _, account in found if isinstance(account, Account)]
        refusals = await self._records.mailboxes.refusals([account.email for account in accounts], now())
        recoverable = await self._records.secure_links.recoverable(accounts)
        return [(email, _outcome(account, refusals, recoverable)) for email, account in found]

    async def _find(self, email: str) -> tuple[str, Account | Literal["malformed", "no_account"]]:
        try:
            address = addresses.parse(email)
        except InputInvalid:
            return email, "malformed"
        return address, await self._accounts.find(address) or "no_account"

    async def unlock(self, email: str, operator: Client) -> None:
        """Unlock the account with the address, whichever mailbox secured it. Raises NotLocked, AccountsUnready."""
        if not isinstance(self._accounts, LocksAccounts) or not self._accounts.can_lock:
            raise NotLocked(
                "the store of the accounts locks none; with the store table, set `accounts.table.lock` and"
                " `accounts.table.unlock`"
            )
        account = await self._accounts.find(email)
        if account is None:
            raise NotLocked(f"there is no account with the address {email}")
        if not await self._accounts.unlock(account.id):
            raise NotLocked(f"{email} is not locked")
        await self._records.audit.record(
            "account_unlock", "unlocked", operator, at=now(), account_id=account.id, email=email
        )

    async def ask(self, campaign: Campaign, emails: Sequence[str]) -> None:
        """Ask them all in one transaction. Who was asked under the campaign's name before is not asked again."""
        if not emails:
            return
        keys = {_key(campaign, email): email for email in emails}
        posted = select(OutboxRow.key).where(OutboxRow.key.in_(keys))

        def write(connection: Connection) -> None:
            known = set(connection.scalars(posted))
            for key, email in keys.items():
                if key not in known:
                    asked = ResetRequested(email=email, at=now(), client=campaign.operator, reason=campaign.reason)
                    self._records.outbox.enqueue(connection, RESET_REQUESTED, asked, key=key)

        await self._records.database.transact(write)
        self._records.outbox.wake()


def _key(campaign: Campaign, email: str) -> str:
    return sha256(f"{campaign.name}\n{email}".encode()).hexdigest()[:32]


def _outcome(
    found: Account | Literal["malformed", "no_account"], refusals: Mapping[str, Refusal], recoverable: Collection[str]
) -> Outcome:
    if not isinstance(found, Account):
        return found
    if not (found.active or found.id in recoverable):
        return "locked" if found.locked else "disabled"
    return refusals.get(found.email, "asked") if found.takes_password else "signs_in_elsewhere"
