"""Deletes or redacts rows after their retention, in small batches, so that no delete blocks the
database for long.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.service.accounts.builtin import SessionRow
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
"""Rows of a batch: SQLite deletes them in a few milliseconds, in which it has no other writer."""

_MESSAGES = timedelta(days=30)
"""How long messages stay after they were settled."""

_KEPT_ADDRESSES = timedelta(days=3)
"""How long settled messages keep the addresses of users: a dead one can be retried until then."""

_NOT_ERASED = OutboxRow.payload != sa.literal_column(f"'{ERASED}'")
"""The condition of the index of rows that are not erased, so that a batch finds them without
scanning the others.
"""

_SETTLED = OutboxRow.state != WAITING
_ADDRESSES, _ERASE = "addresses", sa.update(OutboxRow).values(payload=ERASED, sealed=None)
"""This step erases addresses, and deletes no message."""

_Due = tuple[str, InstrumentedAttribute[Any], sa.ColumnElement[bool]]
"""Rows whose retention is over: their name in the report, the column that tells them apart, and the
condition.
"""


class Retention:
    """Erases rows after their retention, in any number of workers: each batch is one statement,
    harmless if repeated.

    `audit`: for entries of the trail, and presses of "this was not me", whose mailbox may open the
    locked account.
    """

    def __init__(self, database: Database, audit: timedelta) -> None:
        self._database = database
        self._audit = audit

    async def run(self, every: timedelta = timedelta(minutes=1)) -> None:
        """Purge every minute or so, until cancelled: each client that a stranger pretends to be may
        leave a row.
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
        """Delete or redact rows that are older than their retention; return how many there were of
        each kind.
        """
        return {due[0]: await self._in_batches(*due) for due in self._due(moment)}

    def _due(self, moment: datetime) -> Iterator[_Due]:
        ended = (
            (SecretRow.purpose == purpose) & (SecretRow.expires_at < moment - rule.retention)
            for purpose, rule in RULES.items()
        )
        pressed_before = moment - max(self._audit, RULES[Purpose.SECURE].retention)
        yield (
            "secrets",
            SecretRow.key,
            sa.or_(*ended) & ~(PRESSED & (SecretRow.expires_at >= pressed_before)),
        )
        yield "messages", OutboxRow.id, _SETTLED & (OutboxRow.settled_at < moment - _MESSAGES)
        yield (
            _ADDRESSES,
            OutboxRow.id,
            _SETTLED & (OutboxRow.settled_at < moment - _KEPT_ADDRESSES) & _NOT_ERASED,
        )
        yield "audit", AuditRow.id, AuditRow.at < moment - self._audit
        yield "sessions", SessionRow.digest, SessionRow.expires_at < moment
        yield (
            "limits",
            LimitRow.key,
            LimitRow.tat < sa.extract("epoch", self._database.clock()),
        )  # empty counters

    async def _in_batches(
        self, name: str, key: InstrumentedAttribute[Any], due: sa.ColumnElement[bool]
    ) -> int:
        """Delete rows that are due, or erase them, half of the time; return their number.

        Rows in use are left.
        """
        change = _ERASE if name == _ADDRESSES else sa.delete(key.class_)
        # A CTE: PostgreSQL may run a subquery again for every row. Nested: sqlite3 counts no rows
        # behind a WITH.
        batch = (
            sa.select(key)
            .where(due)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
            .cte("batch", nesting=True)
        )
        changed, done = change.where(due, key.in_(sa.select(batch))), 0
        while True:
            begun = monotonic()
            deleted: int = await self._database.transact(
                lambda connection: connection.execute(changed).rowcount
            )
            done += deleted
            if deleted < _BATCH:
                return done
            await asyncio.sleep(monotonic() - begun)
