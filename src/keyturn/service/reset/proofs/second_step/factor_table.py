"""The table of second factors: those that Keyturn keeps, and the last TOTP step of any account."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, LargeBinary, String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.database import Database, Model
from keyturn.service.database.statements import insert_into

RECENT = timedelta(days=30)
"""How long an addition is recent: a mail is often read late. Afterwards it is proven.

No session and no link adds a factor: a thief with a stolen password could lock the owner out of every reset. An
operator adds, and the owner's mailbox gets a mail with the button "this was not me". While an addition is recent, a
press of that button removes it, and a recovery link neither asks for it nor leaves it. So a mailbox can undo what an
operator was talked into. One that replaced a proven factor has stood for as long as that one: whoever reads the mailbox
alone cannot remove a second step that has stood for longer.
"""


class SecondFactorRow(Model):
    """An account's factors if Keyturn keeps them: its TOTP seed and its phone, each of them sealed.

    `totp_since`, `phone_since`: since when the account has had such a factor without a break.
    `totp_step`: the last TOTP step that was taken, wherever the seed is.
    """

    __tablename__ = "keyturn_second_factors"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    totp: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_since: Mapped[datetime | None]
    phone_since: Mapped[datetime | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)


def take_step(connection: Connection, account_id: str, step: int) -> bool:
    """Note a code's TOTP step in the caller's transaction; False unless it is later than the last one.

    ASVS 6.5.1. It is one statement: two requests with the same code may come at once (CVE-2015-7225, CVE-2021-43177).
    """
    row = SecondFactorRow
    fresh = insert_into(row, connection.dialect).values(account_id=account_id, totp_step=step)
    taken = fresh.on_conflict_do_update(
        index_elements=["account_id"], set_={"totp_step": step}, where=func.coalesce(row.totp_step, -1) < step
    )
    return connection.execute(taken.returning(row.account_id)).first() is not None


def give_step_back(connection: Connection, account_id: str, step: int) -> None:
    """Allow a step again whose change was undone; earlier steps stay refused."""
    row = SecondFactorRow
    taken = update(row).where(row.account_id == account_id, row.totp_step == step)
    connection.execute(taken.values(totp_step=step - 1))


async def last_step(database: Database, account_id: str) -> int:
    """Return the last TOTP step that was taken; -1 if none was."""
    row = SecondFactorRow
    taken = select(row.totp_step).where(row.account_id == account_id, row.totp_step.is_not(None))
    found = await database.fetch(taken)
    return found[0]["totp_step"] if found else -1
