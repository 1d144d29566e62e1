from datetime import datetime

from sqlalchemy import BigInteger, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.database import Model

_Id = BigInteger().with_variant(Integer, "sqlite")


class MailboxRow(Model):
    """A mailbox that bounced permanently or complained, under the SHA-256 of its address.

    It gets no mail until `suppressed_until`, for `reason`.
    """

    __tablename__ = "keyturn_mailboxes"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    suppressed_until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(32))


class AuditRow(Model):
    """An entry of the audit trail: a request and its outcome. `message_id`: the outbox row of the mail that answers.

    `operator`: the user who ran the command; "" for requests over HTTP. `note`: what that user wrote down.
    """

    __tablename__ = "keyturn_audit"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(255), index=True)
    email: Mapped[str] = mapped_column(String(254), index=True)
    ip_address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str] = mapped_column(String(64))
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    operator: Mapped[str] = mapped_column(String(64), server_default="")
    note: Mapped[str] = mapped_column(String(1000), server_default="")


class AccountLockRow(Model):
    """A running change of a password in another system: no other of the same account begins before `until`."""

    __tablename__ = "keyturn_turns"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    claim: Mapped[str] = mapped_column(String(32), unique=True)
    until: Mapped[datetime]
