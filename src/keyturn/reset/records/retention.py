"""Deletes or redacts rows after their retention, in small batches, so that no delete blocks the database for long."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Executable,
    Update,
    delete,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.accounts.builtin import SessionRow
from keyturn.accounts.port import AccountStore
from keyturn.database import Database, now
from keyturn.outbox.models import ERASED, STILL_WAITING, WAITING, OutboxRow
from keyturn.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.reset.proofs.altcha import SpentAnswerRow
from keyturn.reset.proofs.second_step.models import SecondStepTriesRow, SmsCodeRow
from keyturn.reset.records.codes import ResetCodeRow
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import ACCOUNT_SECURED
from keyturn.reset.records.models import AccountLockRow, AuditRow, MailboxRow, ResetTokenRow, SecureLinkRow
from keyturn.reset.records.secure_links import SecureLinkStore
from keyturn.settings import RetentionSettings
from keyturn.telemetry.logs import LogEvent

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

_ASKED_AT_ONCE = 100
"""Accounts whose store is asked at a time whether they are locked."""

_COUNTED_FOR = timedelta(days=2)
"""Tries and messages are counted for a day, and a step of TOTP is refused a second time for a minute and a half."""

_NOT_ERASED = OutboxRow.payload != literal_column(f"'{ERASED}'")
"""The condition of the index of rows that are not erased, so that a batch finds them without scanning the others."""


_YET_TO_LOCK = select(OutboxRow.id).where(OutboxRow.kind == ACCOUNT_SECURED, STILL_WAITING).limit(1)


class _Chore(msgspec.Struct, frozen=True):
    """Deletes or redacts, by `statement`, the rows that are `due`, a batch of their keys at a time.

    `along`: an index of times to follow, for tables that may be large.
    """

    name: str
    statement: Delete | Update
    key: InstrumentedAttribute[Any]
    due: ColumnElement[bool]
    along: InstrumentedAttribute[Any] | None = None

    def batch(self, most: int, *after: ColumnElement[bool]) -> Delete | Update:
        """Return the statement for the next `most` rows. SQLite's index no longer holds deleted rows."""
        found = select(self.key).where(self.due, *after).limit(most)
        if self.along is not None:
            found = found.order_by(self.along)
        return self.statement.where(self.key.in_(found))

    def counted_batch(self, most: int, last: datetime | None) -> Executable:
        """Return the statement for PostgreSQL, whose answer is the number of rows and the last of them along the index.

        It begins at the `last` of the batch before: until a vacuum, each deleted row would be looked at again.
        """
        after = [] if last is None or self.along is None else [self.along >= last]
        along = literal(None) if self.along is None else self.along
        gone = self.batch(most, *after).returning(along.label("along")).cte("gone")
        return select(func.count(), func.max(gone.c.along)).select_from(gone)


class Retention:
    """Erases rows after their retention.

    Any number of workers may do it at once: each batch is one statement, and repeating it does no harm.
    """

    def __init__(
        self,
        database: Database,
        retention: RetentionSettings,
        mailboxes: Mailboxes,
        accounts: AccountStore,
        secure_links: SecureLinkStore,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._secure_links = secure_links
        self._retention = retention
        self._mailboxes = mailboxes

    async def run(self, every: timedelta) -> None:
        """Purge at intervals of `every`, until cancelled."""
        while True:
            try:
                log.debug(LogEvent("housekeeping.done", **await self.purge(now())))
            except DatabaseUnready as error:
                log.warning(LogEvent("housekeeping.postponed", reason=error))
            except Exception:  # a worker sends mails even if its housekeeping fails
                log.exception(LogEvent("housekeeping.failed"))
            await asyncio.sleep(every.total_seconds())

    async def purge(self, moment: datetime) -> Mapping[str, int]:
        """Delete or redact rows that are older than their retention; return how many rows each chore found."""
        done = {chore.name: await self._purge_chore(chore) for chore in self._chores(moment)}
        done["secure_links"] += await self._purge_used_secure_links(moment - self._retention.tokens)
        return done

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
            over = [one for one, account in zip(accounts, found, strict=True) if not (account and account.locked)]
            done += await self._secure_links.forget_used(over, moment) if over else 0
            last = accounts[-1]
        return done

    def _chores(self, moment: datetime) -> tuple[_Chore, ...]:
        periods = self._retention
        settled = OutboxRow.state != WAITING
        return (
            _Chore(
                "links",
                delete(ResetTokenRow),
                ResetTokenRow.id,
                ResetTokenRow.expires_at < moment - periods.tokens,
                ResetTokenRow.expires_at,
            ),
            _Chore(
                "messages",
                delete(OutboxRow),
                OutboxRow.id,
                settled & (OutboxRow.settled_at < moment - periods.outbox),
                OutboxRow.settled_at,
            ),
            _Chore(
                "addresses",
                update(OutboxRow).values(payload=ERASED),
                OutboxRow.id,
                settled & (OutboxRow.settled_at < moment - periods.addresses) & _NOT_ERASED,
                OutboxRow.settled_at,
            ),
            _Chore("audit", delete(AuditRow), AuditRow.id, AuditRow.at < moment - periods.audit, AuditRow.at),
            _Chore(
                "secure_links",
                delete(SecureLinkRow),
                SecureLinkRow.digest,
                SecureLinkRow.used_at.is_(None) & (SecureLinkRow.expires_at < moment - periods.tokens),
            ),
            _Chore("sessions", delete(SessionRow), SessionRow.digest, SessionRow.expires_at < moment),
            _Chore(
                "locks",
                delete(AccountLockRow),
                AccountLockRow.account_id,
                AccountLockRow.until < moment - _A_CLOCK_MAY_BE_OFF,
            ),
            _Chore("answers", delete(SpentAnswerRow), SpentAnswerRow.digest, SpentAnswerRow.expires_at < moment),
            _Chore(
                "codes",
                delete(ResetCodeRow),
                ResetCodeRow.mailbox,
                (ResetCodeRow.touched_at < moment - _GUESSES)
                | ((ResetCodeRow.failures == 0) & (ResetCodeRow.touched_at < moment - _CODES)),
            ),
            _Chore(
                "second_step_tries",
                delete(SecondStepTriesRow),
                SecondStepTriesRow.account_id,
                SecondStepTriesRow.counted_since < moment - _COUNTED_FOR,
            ),
            _Chore(
                "sms_codes",
                delete(SmsCodeRow),
                SmsCodeRow.account_id,
                (SmsCodeRow.counted_since < moment - _COUNTED_FOR) & (SmsCodeRow.sent_at < moment - _COUNTED_FOR),
            ),
            _Chore("mailboxes", delete(MailboxRow), MailboxRow.digest, self._mailboxes.is_forgettable(moment)),
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


def _purge_batch(batch: Executable, connection: Connection) -> tuple[int, datetime | None, float]:
    """Return the number of rows, the last along the index, and the seconds it took, without the wait for the lock."""
    begun = time.monotonic()
    result: Any = connection.execute(batch)
    found, last = result.one() if result.returns_rows else (result.rowcount, None)
    return found, last, max(time.monotonic() - begun, _TICK)
