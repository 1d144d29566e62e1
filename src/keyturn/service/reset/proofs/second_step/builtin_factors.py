"""Second factors in Keyturn's own table, and recovery codes to print and keep in case the phone is lost."""

import base64
import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.keys import derive
from keyturn.service.reset.proofs.second_step.additions import RECENT, Kind
from keyturn.service.reset.proofs.second_step.models import RecoveryCodeRow, SecondFactorRow
from keyturn.service.reset.proofs.second_step.port import StoredFactors
from keyturn.service.reset.records.guarded import SingleUse
from keyturn.service.telemetry.logs import LogEvent, log

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


_FACTORS = ("totp", "phone")
"""The columns of factors. Beside each, one says since when."""

_BATCH = 200
"""Accounts that are read at a time."""


class BuiltinFactors:
    """A FactorSource over Keyturn's own table. The first of `secrets` seals, all of them open."""

    def __init__(self, database: Database, secrets: Sequence[str]) -> None:
        self._database = database
        keys = [base64.urlsafe_b64encode(derive(secret, "second factors")) for secret in secrets]
        self._current = Fernet(keys[0])
        self._box = MultiFernet([Fernet(key) for key in keys])

    async def require_ready(self) -> None:
        """Do nothing: the migrations create the table."""

    async def find(self, account: Account, *, unless_recent: Collection[Kind] = ()) -> StoredFactors:
        row = SecondFactorRow
        columns = select(row.totp, row.phone, row.totp_since, row.phone_since)
        rows = await self._database.fetch(columns.where(row.account_id == account.id))
        if not rows:
            return StoredFactors()
        (stored,) = rows
        late = {name for name in unless_recent if (at := stored.get(f"{name}_since")) and at > now() - RECENT}
        sealed = [None if name in late else stored[name] for name in _FACTORS]
        try:
            seed, phone = (self._box.decrypt(bytes(one)) if one else b"" for one in sealed)
        except InvalidToken:
            reason = "encrypted with a secret key that is no longer in the settings"
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=reason))
            return StoredFactors(unreadable=True)
        return StoredFactors(seed or None, phone.decode())

    async def set_seed(self, account_id: str, seed: bytes) -> None:
        await self._database.transact(lambda connection: self.set_seed_within(connection, account_id, seed))

    def set_seed_within(self, connection: Connection, account_id: str, seed: bytes) -> None:
        """Store a seed in place of the previous one, in the caller's transaction."""
        self._set(connection, account_id, "totp", self._box.encrypt(seed))

    async def set_phone(self, account_id: str, phone: str) -> None:
        await self._database.transact(lambda connection: self.set_phone_within(connection, account_id, phone))

    def set_phone_within(self, connection: Connection, account_id: str, phone: str) -> None:
        """Store a phone in place of the previous one, in the caller's transaction."""
        self._set(connection, account_id, "phone", self._box.encrypt(phone.encode()))

    @staticmethod
    def _set(connection: Connection, account_id: str, name: str, sealed: bytes) -> None:
        """Store a factor. One that replaces another has stood for as long."""
        since = f"{name}_since"
        fresh = insert_into(SecondFactorRow, connection.dialect).values(
            {"account_id": account_id, name: sealed, since: now()}
        )
        kept = func.coalesce(getattr(SecondFactorRow, since), fresh.excluded[since])
        connection.execute(fresh.on_conflict_do_update(index_elements=["account_id"], set_={name: sealed, since: kept}))

    def remove_recent(self, connection: Connection, account_id: str, kinds: Collection[Kind]) -> bool:
        """Delete recent factors of these kinds, in the caller's transaction; tell whether there was one."""
        row, removed = SecondFactorRow, False
        for name in [name for name in _FACTORS if name in kinds]:
            recent = update(row).where(row.account_id == account_id, getattr(row, f"{name}_since") > now() - RECENT)
            emptied = recent.values({name: None, f"{name}_since": None}).returning(row.account_id)
            removed = connection.execute(emptied).first() is not None or removed
        connection.execute(delete(row).where(row.account_id == account_id, row.totp.is_(None), row.phone.is_(None)))
        return removed

    def remove(self, connection: Connection, account_id: str) -> bool:
        """Delete all factors of an account, in the caller's transaction; tell whether it had one."""
        factors = delete(SecondFactorRow).where(SecondFactorRow.account_id == account_id)
        return connection.execute(factors.returning(SecondFactorRow.account_id)).first() is not None

    async def count_sealed_otherwise(self) -> tuple[int, int]:
        """Return how many accounts have factors that only a previous key opens, and that no key opens."""
        row, last, previous, lost = SecondFactorRow, "", 0, 0
        following = select(row.account_id, row.totp, row.phone).order_by(row.account_id).limit(_BATCH)
        while found := await self._database.fetch(following.where(row.account_id > last)):
            for factors in found:
                sealed = [bytes(factors[name]) for name in _FACTORS if factors[name] is not None]
                if not _opens(self._current, sealed):
                    previous, lost = (previous + 1, lost) if _opens(self._box, sealed) else (previous, lost + 1)
            last = found[-1]["account_id"]
        return previous, lost

    async def close(self) -> None:
        """Do nothing: the owner of the database closes it."""


def _opens(box: Fernet | MultiFernet, sealed: Sequence[bytes]) -> bool:
    try:
        for one in sealed:
            box.decrypt(one)
    except InvalidToken:
        return False
    return True


class RecoveryCodes:
    """Keeps the recovery codes of accounts, wherever their other factors are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mint(self, account_id: str) -> Sequence[str]:
        return await self._database.transact(lambda connection: self.mint_within(connection, account_id))

    def mint_within(self, connection: Connection, account_id: str) -> Sequence[str]:
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
