"""The second factors that Keyturn stores itself."""

from collections.abc import Mapping, Sequence

from cryptography.fernet import InvalidToken
from sqlalchemy import Connection, Select, select

from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.keys import box
from keyturn.service.one_time_secrets import (
    NEVER,
    STORED_FACTORS,
    OneTimeSecret,
    Purpose,
    SecretRow,
    ToStore,
)
from keyturn.service.reset.proofs.second_step.own_step import RECENT, FactorStore, StoredFactors
from keyturn.service.reset.proofs.second_step.recovery_codes import renew_recovery_codes
from keyturn.service.reset.proofs.second_step.spent_steps import take_step
from keyturn.service.reset.proofs.second_step.totp import seed_of_base32
from keyturn.service.telemetry.logs import LogEvent, log

_FACTORS = (Purpose.TOTP, Purpose.PHONE)
_STORED = select(SecretRow.purpose, SecretRow.data).where(SecretRow.purpose.in_(_FACTORS))

_BATCH = 200
"""Factors that `count_unreadable` reads at a time."""


class BuiltinFactors(FactorStore):
    """Stores factors among Keyturn's secrets, encrypted.

    The first of `keys` encrypts, all of them decrypt.
    """

    def __init__(self, database: Database, keys: Sequence[str]) -> None:
        self._database = database
        self._box = box(keys, "second factors")

    async def find(self, account: Account) -> StoredFactors:
        return await self._find(account, _STORED)

    async def find_proven(self, account: Account) -> StoredFactors:
        return await self._find(account, _STORED.where(SecretRow.created_at <= now() - RECENT))

    async def _find(self, account: Account, stored: Select[str, str]) -> StoredFactors:
        rows = await self._database.fetch(stored.where(SecretRow.account_id == account.id))
        factors = {row["purpose"]: self._open(row["data"]) for row in rows}
        if None in factors.values():
            reason = "encrypted with a secret key that is no longer in the settings"
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=reason))
            return StoredFactors(unreadable=True)
        phone = factors.get(Purpose.PHONE) or b""
        return StoredFactors(factors.get(Purpose.TOTP), phone.decode())

    def _open(self, sealed: str) -> bytes | None:
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            return None

    def set(self, connection: Connection, account_id: str, kind: Purpose, factor: bytes) -> None:
        """Store a seed or a phone number. The caller must hold the account.

        A factor that replaces another gets its age (`RECENT`).
        """
        key = one_time_secrets.key_of(f"{kind} {account_id}")
        replaced = one_time_secrets.find(connection, key, kind)
        stored = OneTimeSecret(
            purpose=kind,
            key=key,
            account_id=account_id,
            created_at=replaced.created_at if replaced else now(),
            expires_at=NEVER,
            data=self._box.encrypt(factor).decode(),
        )
        one_time_secrets.add(connection, [ToStore(stored)])

    def set_up(
        self, connection: Connection, account_id: str, seed: bytes, step: int
    ) -> Sequence[str]:
        """Store a seed, and return fresh recovery codes.

        `step`: the step of the code that proved the seed. It is used up (ASVS 6.5.1).
        """
        take_step(connection, account_id, step, now())
        self.set(connection, account_id, Purpose.TOTP, seed)
        return renew_recovery_codes(connection, account_id)

    def set_all(
        self, connection: Connection, account_id: str, factors: Mapping[str, str]
    ) -> Sequence[str]:
        """Store the phone number `phone`, and the seed `totp` in base 32, if they are given.

        With a seed, return fresh recovery codes.
        """
        if "phone" in factors:
            self.set(connection, account_id, Purpose.PHONE, factors["phone"].encode())
        if "totp" not in factors:
            return ()
        self.set(connection, account_id, Purpose.TOTP, seed_of_base32(factors["totp"]))
        return renew_recovery_codes(connection, account_id)

    def remove(self, connection: Connection, account_id: str) -> None:
        """Delete all factors and recovery codes of an account, in the caller's transaction."""
        one_time_secrets.delete(connection, account_id, STORED_FACTORS)

    @classmethod
    async def count_unreadable(cls, database: Database, keys: Sequence[str]) -> int:
        """Return how many accounts have a factor that none of the keys decrypts."""
        factors = cls(database, keys)
        batch = (
            select(SecretRow.key, SecretRow.account_id, SecretRow.data)
            .where(SecretRow.purpose.in_(_FACTORS))
            .order_by(SecretRow.key)
            .limit(_BATCH)
        )
        unreadable: set[str] = set()
        last = b""
        while True:
            rows = await database.fetch(batch.where(SecretRow.key > last))
            if not rows:
                return len(unreadable)
            for row in rows:
                if factors._open(row["data"]) is None:
                    unreadable.add(row["account_id"])
            last = bytes(rows[-1]["key"])
