"""Second factors in Keyturn's own table."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import BigInteger, Connection, LargeBinary, String, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database, Model
from keyturn.service.database.statements import insert_into
from keyturn.service.keys import derive
from keyturn.service.reset.proofs.second_step.port import FactorSource, StoredFactors
from keyturn.service.telemetry.logs import LogEvent, log


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


Kind = Literal["totp", "phone"]
"""A kind of factor, and the column with it. Beside each, a column says since when."""

RECENT = timedelta(days=30)
"""How long an addition is recent: a mail is often read late. Afterwards it is proven.

No session and no link adds a factor: a thief with a stolen password could lock the owner out of every reset. An
operator adds, and the owner's mailbox gets a mail with the button "this was not me". While an addition is recent, a
press of that button removes it, and a recovery link neither asks for it nor leaves it. So a mailbox can undo what an
operator was talked into. One that replaced a proven factor has stood for as long as that one: whoever reads the mailbox
alone cannot remove a second step that has stood for longer.
"""

_KINDS: tuple[Kind, ...] = ("totp", "phone")
_BATCH = 200
"""Accounts that are read at a time."""


class BuiltinFactors(FactorSource):
    """Keeps factors in Keyturn's own table. The first of `secrets` seals, all of them open."""

    def __init__(self, database: Database, secrets: Sequence[str]) -> None:
        self._database = database
        keys = [base64.urlsafe_b64encode(derive(secret, "second factors")) for secret in secrets]
        self._current = Fernet(keys[0])
        self._box = MultiFernet([Fernet(key) for key in keys])

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        row = SecondFactorRow
        columns = select(row.totp, row.phone, row.totp_since, row.phone_since)
        found = await self._database.fetch(columns.where(row.account_id == account.id))
        sealed = {kind: one[kind] for one in found for kind in _KINDS}
        if unless_recent:
            sealed = {kind: one for kind, one in sealed.items() if one and found[0][f"{kind}_since"] <= now() - RECENT}
        try:
            seed, phone = (self._box.decrypt(bytes(one)) if (one := sealed.get(kind)) else b"" for kind in _KINDS)
        except InvalidToken:
            reason = "encrypted with a secret key that is no longer in the settings"
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=reason))
            return StoredFactors(unreadable=True)
        return StoredFactors(seed or None, phone.decode())

    def set(self, connection: Connection, account_id: str, kind: Kind, factor: bytes) -> None:
        """Store a seed or a number, in the caller's transaction. One that replaces another has stood for as long."""
        since, sealed = f"{kind}_since", self._box.encrypt(factor)
        fresh = insert_into(SecondFactorRow, connection.dialect).values(
            {"account_id": account_id, kind: sealed, since: now()}
        )
        stood = func.coalesce(getattr(SecondFactorRow, since), fresh.excluded[since])
        connection.execute(
            fresh.on_conflict_do_update(index_elements=["account_id"], set_={kind: sealed, since: stood})
        )

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent factors, in the caller's transaction; tell whether there was one."""
        row, removed = SecondFactorRow, False
        for kind in _KINDS:
            recent = update(row).where(row.account_id == account_id, getattr(row, f"{kind}_since") > now() - RECENT)
            emptied = recent.values({kind: None, f"{kind}_since": None}).returning(row.account_id)
            removed = connection.execute(emptied).first() is not None or removed
        return removed

    def remove(self, connection: Connection, account_id: str) -> None:
        """Delete all factors of an account, in the caller's transaction."""
        connection.execute(delete(SecondFactorRow).where(SecondFactorRow.account_id == account_id))

    async def count_sealed_otherwise(self) -> tuple[int, int]:
        """Return how many accounts have factors that only a previous key opens, and that no key opens."""
        row, last, previous, lost = SecondFactorRow, "", 0, 0
        following = select(row.account_id, row.totp, row.phone).order_by(row.account_id).limit(_BATCH)
        while found := await self._database.fetch(following.where(row.account_id > last)):
            for factors in found:
                sealed = [bytes(factors[kind]) for kind in _KINDS if factors[kind] is not None]
                if not _opens(self._current, sealed):
                    previous, lost = (previous + 1, lost) if _opens(self._box, sealed) else (previous, lost + 1)
            last = found[-1]["account_id"]
        return previous, lost


def _opens(box: Fernet | MultiFernet, sealed: Sequence[bytes]) -> bool:
    try:
        for one in sealed:
            box.decrypt(one)
    except InvalidToken:
        return False
    return True


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
