"""Deletes or redacts rows after their retention, in small batches, so that no delete blocks the database for long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.service.accounts.builtin import SessionRow
from keyturn.service.accounts.port import AccountStore
from keyturn.service.clock import monotonic, now
from keyturn.service.database import Database
from keyturn.service.outbox.models import ERASED, STILL_WAITING, WAITING, OutboxRow
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.reset.limits.postgresql_windows import RateWindowRow
from keyturn.service.reset.proofs.second_step.models import SecondStepTriesRow
from keyturn.service.reset.records.codes import ResetCodeRow
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.reset.records.messages import ACCOUNT_SECURED
from keyturn.service.reset.records.models import (
    AccountLockRow,
    AuditRow,
    MailboxRow,
    ResetTokenRow,
    SecureLinkRow,
)
from keyturn.service.reset.records.secure_links import KEPT_FOR, SecureLinkStore
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.housekeeping")

_FIRST_BATCH, _LARGEST_BATCH = 500, 10_000
_SMALLEST_BATCH = 200
_TICK = 0.001
"""Seconds: a batch may be shorter than the clock's resolution."""

_LONGEST = {"sqlite": 0.01, "postgresql": 0.2}
"""Seconds that a batch should take: SQLite has no other writer in that time."""

_A_CLOCK_MAY_BE_OFF = timedelta(days=1)
"""Locks follow the database's clock, and a purge that of its own machine."""


_CODES = timedelta(hours=1)
"""Longer than a code works. A row without failures is then empty, even for a mailbox without an account."""

_GUESSES = timedelta(days=30)
"""Time after which wrong codes no longer count as consecutive (NIST SP 800-63B 3.2.2 counts consecutive ones)."""

_MESSAGES = timedelta(days=30)
"""How long messages stay after they were settled."""

_ADDRESSES = timedelta(days=3)
"""How long settled messages keep the addresses of users: a dead one can be retried until then."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

_ASKED_AT_ONCE = 100
"""Accounts whose store is asked at a time whether they are locked."""

_COUNTED_FOR = timedelta(days=2)
"""Tries and messages are counted for a day, and a step of TOTP is refused a second time for a minute and a half."""

_NOT_ERASED = OutboxRow.payload != sa.literal_column(f"'{ERASED}'")
"""The condition of the index of rows that are not erased, so that a batch finds them without scanning the others."""


_YET_TO_LOCK = sa.select(OutboxRow.id).where(OutboxRow.kind == ACCOUNT_SECURED, STILL_WAITING).limit(1)


class _Chore(msgspec.Struct, frozen=True):
    """Deletes the rows that are `due`, a batch of their keys at a time, or gives them new `values`.

    `along`: an index of times to follow, for tables that may be large.
    `skips_locked`: leave rows that requests are changing, rather than wait for them or delete what they have renewed.
    """

    name: str
    key: InstrumentedAttribute[Any]
    due: sa.ColumnElement[bool]
    along: InstrumentedAttribute[Any] | None = None
    values: Mapping[str, Any] = {}
    skips_locked: bool = False

    def batch(self, most: int, *after: sa.ColumnElement[bool]) -> sa.Delete | sa.Update:
        """Return the statement for the next `most` rows. SQLite's index no longer holds deleted rows."""
        keys = sa.select(self.key).where(self.due, *after).limit(most)
        if self.along is not None:
            keys = keys.order_by(self.along)
        if self.skips_locked:
            keys = keys.with_for_update(skip_locked=True)
        rows = self.key.class_
        return (sa.update(rows).values(**self.values) if self.values else sa.delete(rows)).where(self.key.in_(keys))

    def counted_batch(self, most: int, last: datetime | None) -> sa.Executable:
        """Return the statement for PostgreSQL, whose answer is the number of rows and the last of them along the index.

        It begins at the `last` of the batch before: until a vacuum, each deleted row would be looked at again.
        """
        after = [] if last is None or self.along is None else [self.along >= last]
        along = sa.literal(None) if self.along is None else self.along
        gone = self.batch(most, *after).returning(along.label("along")).cte("gone")
        return sa.select(sa.func.count(), sa.func.max(gone.c.along)).select_from(gone)


class Retention:
    """Erases rows after their retention.

    Any number of workers may do it at once: each batch is one statement, and repeating it does no harm.
    """

    def __init__(
        self,
        database: Database,
        audit: timedelta,
        mailboxes: Mailboxes,
        accounts: AccountStore,
        secure_links: SecureLinkStore,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._secure_links = secure_links
        self._audit = audit
        self._mailboxes = mailboxes

    async def run(self, every: timedelta = _HOUR) -> None:
        """Purge at intervals of `every`, and limits of PostgreSQL's each minute, until cancelled.

        Each client that a stranger pretends to be may leave a row among the limits.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(lambda: self.purge(now()), every))
            if not self._database.is_sqlite:
                group.create_task(self._repeat(self.forget_windows, _MINUTE))

    async def _repeat(self, work: Callable[[], Awaitable[Mapping[str, int]]], every: timedelta) -> None:
        while True:
            try:
                log.debug(LogEvent("housekeeping.done", **await work()))
            except DatabaseUnready as error:
                log.warning(LogEvent("housekeeping.postponed", reason=error))
            except Exception:  # a worker sends mails even if its housekeeping fails
                log.exception(LogEvent("housekeeping.failed"))
            await asyncio.sleep(every.total_seconds())

    async def purge(self, moment: datetime) -> Mapping[str, int]:
        """Delete or redact rows that are older than their retention; return how many rows each chore found."""
        done = {chore.name: await self._purge_chore(chore) for chore in self._chores(moment)}
        done |= await self.forget_windows()
        done["secure_links"] += await self._purge_used_secure_links(moment - KEPT_FOR)
        return done

    async def forget_windows(self) -> Mapping[str, int]:
        """Delete the counters of limits whose requests are all over."""
        window = RateWindowRow
        over = window.expires_at < self._database.clock()
        chore = _Chore("limits", window.key, over, window.expires_at, skips_locked=True)
        return {chore.name: await self._purge_chore(chore)}

    async def _purge_used_secure_links(self, moment: datetime) -> int:
        """Delete the used links of unlocked accounts. For a locked account they decide which mailbox may open it.

        None is deleted while an account is still to be locked, because no worker runs or its store does not answer.
        """
        done, last = 0, ""
        while accounts := await self._secure_links.used_before(moment, last, _ASKED_AT_ONCE):
            if await self._database.fetch(_YET_TO_LOCK):
                break
            try:
                found = await asyncio.gather(*map(self._accounts.get, accounts))
            except AccountsUnready as error:
                log.warning(LogEvent("housekeeping.postponed", reason=error))
                break
            over = [name for name, account in zip(accounts, found, strict=True) if not (account and account.locked)]
            done += await self._secure_links.forget_used(over, moment) if over else 0
            last = accounts[-1]
        return done

    def _chores(self, moment: datetime) -> tuple[_Chore, ...]:
        counted = moment - _COUNTED_FOR
        link, message, secure, code = ResetTokenRow, OutboxRow, SecureLinkRow, ResetCodeRow
        settled, link_ended = message.state != WAITING, moment - KEPT_FOR
        erasable = settled & (message.settled_at < moment - _ADDRESSES) & _NOT_ERASED
        forgotten = (code.touched_at < moment - _GUESSES) | ((code.failures == 0) & (code.touched_at < moment - _CODES))
        return (
            _Chore("links", link.id, link.expires_at < link_ended, link.expires_at),
            _Chore("messages", message.id, settled & (message.settled_at < moment - _MESSAGES), message.settled_at),
            _Chore("addresses", message.id, erasable, message.settled_at, {"payload": ERASED, "sealed": None}),
            _Chore("audit", AuditRow.id, AuditRow.at < moment - self._audit, AuditRow.at),
            _Chore("secure_links", secure.digest, secure.used_at.is_(None) & (secure.expires_at < link_ended)),
            _Chore("sessions", SessionRow.digest, SessionRow.expires_at < moment),
            _Chore("locks", AccountLockRow.account_id, AccountLockRow.until < moment - _A_CLOCK_MAY_BE_OFF),
            _Chore("codes", code.mailbox, forgotten),
            _Chore("second_step_tries", SecondStepTriesRow.account_id, SecondStepTriesRow.counted_since < counted),
            _Chore("mailboxes", MailboxRow.digest, self._mailboxes.is_forgettable(moment)),
        )

    async def _purge_chore(self, chore: _Chore) -> int:
        """Work in batches that grow and shrink with the time that they take, and leave half of the time to others."""
        longest = _LONGEST[self._database.dialect.name]
        done, most, last = 0, _FIRST_BATCH, None
        while True:
            batch = chore.batch(most) if self._database.is_sqlite else chore.counted_batch(most, last)
            found, last, took = await self._database.transact(partial(_purge_batch, batch))
            done += found
            if found < most:
                return done
            # Without an index to follow, most of the time is spent searching, which smaller batches only repeat.
            smallest = _SMALLEST_BATCH if chore.along is not None else most
            most = int(min(max(most * min(longest / took, 2), smallest), _LARGEST_BATCH))
            await asyncio.sleep(took)


def _purge_batch(batch: sa.Executable, connection: sa.Connection) -> tuple[int, datetime | None, float]:
    """Return the number of rows, the last along the index, and the seconds it took, without the wait for the lock."""
    begun = monotonic()
    result: Any = connection.execute(batch)
    found, last = result.one() if result.returns_rows else (result.rowcount, None)
    return found, last, max(monotonic() - begun, _TICK)
