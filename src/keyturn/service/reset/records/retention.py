"""Deletes or erases rows after their retention.

It works in small batches, so that no statement blocks the database for long.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.service.accounts.sessions import SessionRow
from keyturn.service.clock import monotonic, now
from keyturn.service.database import Database
from keyturn.service.limits import LimitRow
from keyturn.service.one_time_secrets import RULES, Purpose, SecretRow
from keyturn.service.outbox.models import ERASED, WAITING, OutboxRow
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.reset.records.links import PRESSED
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.housekeeping")

_BATCH = 500
"""Rows of a batch. SQLite deletes them in a few milliseconds, in which other writes wait."""

_MESSAGES = timedelta(days=30)
"""How long messages are kept after they were settled."""

_KEPT_ADDRESSES = timedelta(days=3)
"""How long settled messages keep the addresses of users: a dead one can be retried until then."""

_NOT_ERASED = OutboxRow.payload != sa.literal_column(f"'{ERASED}'")
"""The condition of the index of rows that are not erased: with it, a batch finds these rows without
scanning the others.
"""

_SETTLED = OutboxRow.state != WAITING
_ERASE = sa.update(OutboxRow).values(payload=ERASED, sealed=None)
"""Erases addresses, and deletes no message."""


class _Due(NamedTuple):
    """Rows whose retention is over.

    `name`: their name in the report.
    `key`: the column of their key.
    `erases`: their addresses are erased, and the rows stay.
    """

    name: str
    key: InstrumentedAttribute[Any]
    condition: sa.ColumnElement[bool]
    erases: bool = False


class Retention:
    """Erases rows after their retention.

    Any number of workers may do this at once: each batch is one statement, and harmless if it is
    repeated.

    `audit`: the retention of the audit trail, and of presses of "this was not me": a press decides
    which mailbox may open a locked account.
    """

    def __init__(self, database: Database, audit: timedelta) -> None:
        self._database = database
        self._audit = audit

    async def run(self, every: timedelta = timedelta(minutes=1)) -> None:
        """Purge again and again, until cancelled.

        It runs often, since each client that an attacker pretends to be may leave a row.
        """
        while True:
            try:
                log.debug(LogEvent("housekeeping.done", **await self.purge(now())))
            except DatabaseUnready as error:
                log.warning(LogEvent("housekeeping.postponed", reason=error))
            except Exception:  # a worker sends mails even if its housekeeping fails
                log.exception(LogEvent("housekeeping.failed"))
            await asyncio.sleep(every.total_seconds())

    async def purge(self, moment: datetime) -> Mapping[str, int]:
        """Delete or erase the rows whose retention is over; return their numbers by their names."""
        return {due.name: await self._in_batches(due) for due in self._due(moment)}

    def _due(self, moment: datetime) -> Iterator[_Due]:
        yield _Due("secrets", SecretRow.key, self._ended_secrets(moment))
        is_old = OutboxRow.settled_at < moment - _MESSAGES
        yield _Due("messages", OutboxRow.id, _SETTLED & is_old)
        keeps_too_much = (OutboxRow.settled_at < moment - _KEPT_ADDRESSES) & _NOT_ERASED
        yield _Due("addresses", OutboxRow.id, _SETTLED & keeps_too_much, erases=True)
        yield _Due("audit", AuditRow.id, AuditRow.at < moment - self._audit)
        yield _Due("sessions", SessionRow.digest, SessionRow.expires_at < moment)
        is_empty = LimitRow.tat < sa.extract("epoch", self._database.clock())
        yield _Due("limits", LimitRow.key, is_empty)

    def _ended_secrets(self, moment: datetime) -> sa.ColumnElement[bool]:
        """Return the condition of the secrets that are kept no longer, but for recent presses."""
        ended = []
        for purpose, rule in RULES.items():
            is_over = SecretRow.expires_at < moment - rule.retention
            ended.append((SecretRow.purpose == purpose) & is_over)
        pressed_before = moment - max(self._audit, RULES[Purpose.SECURE].retention)
        is_kept_press = PRESSED & (SecretRow.expires_at >= pressed_before)
        return sa.or_(*ended) & ~is_kept_press

    async def _in_batches(self, due: _Due) -> int:
        """Delete or erase the rows that are due; return their number.

        After each batch there is a pause of the same length. Rows that another transaction has
        locked are skipped.
        """
        change = _ERASE if due.erases else sa.delete(due.key.class_)
        # A CTE, since PostgreSQL may run a subquery again for every row. It is nested, since
        # Python's sqlite3 counts no rows of a statement that begins with WITH.
        batch = (
            sa.select(due.key)
            .where(due.condition)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
            .cte("batch", nesting=True)
        )
        change_batch = change.where(due.condition, due.key.in_(sa.select(batch)))

        def run(connection: sa.Connection) -> int:
            return connection.execute(change_batch).rowcount

        done = 0
        while True:
            begun = monotonic()
            changed = await self._database.transact(run)
            done += changed
            if changed < _BATCH:
                return done
            await asyncio.sleep(monotonic() - begun)
