"""Deletes or erases rows after their retention.

It works in small batches, so that no statement blocks the database for long.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

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
_ADDRESSES, _ERASE = "addresses", sa.update(OutboxRow).values(payload=ERASED, sealed=None)
"""This step erases addresses, and deletes no message."""

_Due = tuple[str, InstrumentedAttribute[Any], sa.ColumnElement[bool]]
"""Rows whose retention is over: their name in the report, the column of their key, and their
condition.
"""


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
        # Empty counters.
        yield (
            "limits",
            LimitRow.key,
            LimitRow.tat < sa.extract("epoch", self._database.clock()),
        )

    async def _in_batches(
        self, name: str, key: InstrumentedAttribute[Any], due: sa.ColumnElement[bool]
    ) -> int:
        """Delete or erase the rows that are due; return their number.

        After each batch there is a pause of the same length. Rows that another transaction has
        locked are skipped.
        """
        change = _ERASE if name == _ADDRESSES else sa.delete(key.class_)
        # A CTE, since PostgreSQL may run a subquery again for every row. It is nested, since
        # Python's sqlite3 counts no rows of a statement that begins with WITH.
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
