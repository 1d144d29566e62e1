"""Second factors that Keyturn stores itself, among its secrets."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, Connection, select

from keyturn.service import secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.keys import box
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.proofs.second_step.own_step import RECENT, STORED, OwnSecondStep, StoredFactors, take_step
from keyturn.service.reset.proofs.second_step.recovery_codes import renew
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes
from keyturn.service.secrets import NEVER, Purpose, Secret, SecretRow
from keyturn.service.telemetry.logs import LogEvent, log

_FACTORS = (Purpose.TOTP, Purpose.PHONE)
_BATCH = 200
"""Factors that are read at a time."""


class BuiltinFactors(OwnSecondStep):
    """Stores factors among Keyturn's secrets. The first of `keys` encrypts, all of them decrypt."""

    def __init__(self, database: Database, sms: SmsCodes | None, keys: Sequence[str]) -> None:
        super().__init__(database, sms)
        self._box = box(keys, "second factors")

    async def find(self, account: Account, *which: ColumnElement[bool]) -> StoredFactors:
        sealed = select(SecretRow.purpose, SecretRow.data).where(SecretRow.account_id == account.id, *which)
        rows = await self._database.fetch(sealed.where(SecretRow.purpose.in_(_FACTORS)))
        factors = {row["purpose"]: self._open(row["data"]) for row in rows}
        if None in factors.values():
            reason = "encrypted with a secret key that is no longer in the settings"
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=reason))
            return StoredFactors(unreadable=True)
        return StoredFactors(factors.get(Purpose.TOTP), (factors.get(Purpose.PHONE) or b"").decode())

    def _open(self, sealed: str) -> bytes | None:
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            return None

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(account, await self.find(account, SecretRow.created_at <= now() - RECENT))

    def set(
        self, connection: Connection, account_id: str, kind: Literal[Purpose.TOTP, Purpose.PHONE], factor: bytes
    ) -> None:
        """Store a seed or a number, for a caller that holds the account. A replacement has stood for as long."""
        key = sha256(f"{kind} {account_id}".encode("utf-8", "surrogatepass")).digest()
        replaced = secrets.find(connection, key, kind)
        since, data = replaced.created_at if replaced else now(), self._box.encrypt(factor).decode()
        stored = Secret(purpose=kind, key=key, account_id=account_id, created_at=since, expires_at=NEVER, data=data)
        secrets.add(connection, [(stored, True)])

    def set_up(self, connection: Connection, account_id: str, seed: bytes, step: int) -> Sequence[str]:
        """Store a seed, for a caller that holds the account, and return fresh recovery codes.

        `step`: that of the code which proved the seed. It is used up (ASVS 6.5.1).
        """
        take_step(connection, account_id, step, now())
        self.set(connection, account_id, Purpose.TOTP, seed)
        return renew(connection, account_id)

    def remove(self, connection: Connection, account_id: str) -> None:
        """Delete all factors of an account with its recovery codes, in the caller's transaction."""
        secrets.delete(connection, account_id, STORED)

    async def count_unreadable(self) -> int:
        """Return how many accounts have a factor that none of the keys decrypts."""
        row, last, unreadable = SecretRow, b"", set[str]()
        batch = select(row.key, row.account_id, row.data).where(row.purpose.in_(_FACTORS)).order_by(row.key)
        while found := await self._database.fetch(batch.where(row.key > last).limit(_BATCH)):
            unreadable.update(one["account_id"] for one in found if self._open(one["data"]) is None)
            last = bytes(found[-1]["key"])
        return len(unreadable)
