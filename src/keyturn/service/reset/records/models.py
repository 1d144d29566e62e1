from datetime import datetime

from sqlalchemy import BigInteger, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.database import Model

_Id = BigInteger().with_variant(Integer, "sqlite")


class MailboxRow(Model):
    """The last mail to a mailbox, under the SHA-256 of its address, and how long it gets no more.

    `mailed_at`: the last mail; earlier than `counted_since` once the link in it has set a password.
    `mails`: how many mails there were since `counted_since`, at most a day before the last of them.
    `suppressed_until`: a mailbox that bounced permanently or complained gets no mail until then, for `reason`.
    """

    __tablename__ = "keyturn_mailboxes"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    mailed_at: Mapped[datetime]
    mails: Mapped[int] = mapped_column(default=0)
    counted_since: Mapped[datetime | None]
    suppressed_until: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(32))


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
