"""Second factors in Keyturn's own table."""

import base64
from collections.abc import Sequence
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, delete, func, select, update

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.keys import derive
from keyturn.service.reset.proofs.second_step import recovery_codes
from keyturn.service.reset.proofs.second_step.factor_table import RECENT, SecondFactorRow
from keyturn.service.reset.proofs.second_step.own_step import OwnSecondStep, StoredFactors
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes
from keyturn.service.telemetry.logs import LogEvent, log

Kind = Literal["totp", "phone"]
"""A kind of factor, and the column with it. Beside each, a column says since when."""

_KINDS: tuple[Kind, ...] = ("totp", "phone")
_BATCH = 200
"""Accounts that are read at a time."""


class BuiltinFactors(OwnSecondStep):
    """Keeps factors in Keyturn's own table. The first of `secrets` seals, all of them open."""

    def __init__(self, database: Database, sms: SmsCodes | None, secrets: Sequence[str]) -> None:
        super().__init__(database, sms)
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
        row, removed = SecondFactorRow, super().remove_recent(connection, account_id)
        for kind in _KINDS:
            recent = update(row).where(row.account_id == account_id, getattr(row, f"{kind}_since") > now() - RECENT)
            emptied = recent.values({kind: None, f"{kind}_since": None}).returning(row.account_id)
            removed = connection.execute(emptied).first() is not None or removed
        return removed

    def remove(self, connection: Connection, account_id: str) -> None:
        """Delete all factors of an account with its recovery codes, in the caller's transaction."""
        recovery_codes.remove(connection, account_id)
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
