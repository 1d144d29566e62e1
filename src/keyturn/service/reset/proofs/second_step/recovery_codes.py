"""Recovery codes: to print, and to keep in case the phone is lost, wherever an account's other factors are."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database
from keyturn.service.reset.proofs.second_step.builtin_factors import RECENT
from keyturn.service.reset.proofs.second_step.models import RecoveryCodeRow
from keyturn.service.reset.records.guarded import SingleUse

CODES = 10
"""Codes that an account gets at a time."""

_BYTES = 15
"""120 bits: from 112 on, a fast hash is enough (OWASP ASVS 6.5.2), so one statement finds and uses a code."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, without I, L, O and U: readers cannot confuse the characters on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_LETTERS = 24
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code(random_bytes: Callable[[int], bytes]) -> str:
    """Return a fresh code as users see it: six groups of four."""
    number = int.from_bytes(random_bytes(_BYTES))
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes | None:
    """Return the digest to store and search for, in any spelling of the code; None if it is malformed."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        return None
    return sha256(f"{account_id}\0{letters}".encode("utf-8", "surrogatepass")).digest()


class RecoveryCodes:
    """Keeps the recovery codes of accounts, wherever their other factors are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mint(self, connection: Connection, account_id: str) -> Sequence[str]:
        """Return fresh codes, which cannot be shown again; earlier codes end, in the caller's transaction."""
        codes = [mint_recovery_code(random_bytes) for _ in range(CODES)]
        moment = now()
        rows = [
            {"digest": recovery_code_digest(account_id, code), "account_id": account_id, "created_at": moment}
            for code in codes
        ]
        self.remove(connection, account_id)
        connection.execute(insert(RecoveryCodeRow.__table__), rows)
        return codes

    def remove(self, connection: Connection, account_id: str) -> None:
        """End all codes of an account, in the caller's transaction."""
        connection.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == account_id))

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """End the codes that were made recently, in the caller's transaction; tell whether there was one."""
        row = RecoveryCodeRow
        recent = delete(row).where(row.account_id == account_id, row.created_at > now() - RECENT)
        return connection.execute(recent.returning(row.digest)).first() is not None

    async def left(self, account_id: str) -> int:
        row = RecoveryCodeRow
        unused = select(func.count().label("left")).where(row.account_id == account_id, row.used_at.is_(None))
        left: int = (await self._database.fetch(unused))[0]["left"]
        return left

    async def is_unused(self, digest: bytes) -> bool:
        row = RecoveryCodeRow
        return bool(await self._database.fetch(select(row.digest).where(row.digest == digest, row.used_at.is_(None))))

    def use(self, connection: Connection, digest: bytes, moment: datetime) -> bool:
        """Use a code up in the caller's transaction. Of any number of calls at once, exactly one returns True."""
        return _USES.use(connection, moment, of_digest=digest) is not None

    def give_back(self, connection: Connection, digest: bytes, used_at: datetime) -> None:
        """Make a code usable again whose use at that moment was undone."""
        _USES.give_back(connection, used_at, of_digest=digest)


_USES = SingleUse(RecoveryCodeRow.used_at, RecoveryCodeRow.digest == bindparam("of_digest"))
