"""Rows that have stopped mattering leave in small batches, so that no delete holds the database for long."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from keyturn.accounts.models import SessionRow
from keyturn.database import Database, Model
from keyturn.outbox.models import WAITING, OutboxRow
from keyturn.reset.models import AuditRow, MailboxRow, ResetTokenRow
from keyturn.settings import LimitSettings, RetentionSettings

_BATCH = 500


async def purge(
    database: Database, retention: RetentionSettings, limits: LimitSettings, moment: datetime
) -> Mapping[str, int]:
    """Delete what is older than its retention; return how many rows left each table."""
    work: tuple[tuple[str, type[Model], InstrumentedAttribute[object], ColumnElement[bool]], ...] = (
        ("links", ResetTokenRow, ResetTokenRow.id, ResetTokenRow.expires_at < moment - retention.tokens),
        (
            "outbox",
            OutboxRow,
            OutboxRow.id,
            (OutboxRow.state != WAITING) & (OutboxRow.settled_at < moment - retention.outbox),
        ),
        ("audit", AuditRow, AuditRow.id, AuditRow.at < moment - retention.audit),
        ("sessions", SessionRow, SessionRow.digest, SessionRow.expires_at < moment),
        ("mailboxes", MailboxRow, MailboxRow.digest, MailboxRow.mailed_at < moment - limits.mailbox_cooldown),
    )
    return {name: await _delete(database, model, key, done) for name, model, key, done in work}


async def _delete(
    database: Database, model: type[Model], key: "InstrumentedAttribute[object]", done: ColumnElement[bool]
) -> int:
    deleted = 0
    while True:
        async with database.transaction() as session:
            batch = select(key).where(done).limit(_BATCH)
            gone = (await session.execute(delete(model).where(key.in_(batch)).returning(key))).all()
            await session.commit()
        deleted += len(gone)
        if len(gone) < _BATCH:
            return deleted
