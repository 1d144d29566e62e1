"""Second step whose codes Keyturn makes and checks: TOTP, recovery codes and codes by SMS."""

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, Connection, select

from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import (
    NEVER,
    STORED_FACTORS,
    OneTimeSecret,
    Purpose,
    SecretRow,
    box,
)
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.totp import seed_of_base32, totp_step
from keyturn.service.telemetry.logs import LogEvent, log

if TYPE_CHECKING:
    from keyturn.service.reset.proofs.second_step.sms import SmsCodes

Messages: TypeAlias = "SmsCodes | None"
"""What sends codes to phones; None if no messages are sent."""

RECENT = timedelta(days=30)
"""How long an addition is recent: a mail is often read late.

Afterwards it is proven. Only an operator adds, since a thief with a stolen password could lock the
owner out, and the owner gets a mail with the button "this was not me". Meanwhile a press removes
the addition, and a recovery link neither asks for it nor leaves it. One that replaced a proven
factor has stood for as long as that: the mailbox alone cannot remove it.
"""


class StoredFactors(msgspec.Struct, frozen=True):
    """An account's stored factors. `unreadable`: it has a factor that cannot be read."""

    seed: bytes | None = None
    phone: str = ""
    unreadable: bool = False

    __repr__ = object.__repr__  # a seed in a traceback would produce codes for ever


class OwnSecondStep(SecondStep):
    """Makes and checks codes by seeds and phones; a subclass has these, by `find`."""

    def __init__(self, database: Database, sms: Messages) -> None:
        self._database = database
        self._sms = sms

    @abstractmethod
    async def find(self, account: Account) -> StoredFactors:
        """Return the account's factors. Raises Unavailable."""

    async def factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(account, await self.find(account))

    async def _offered(self, account: Account, stored: StoredFactors) -> Sequence[Factor]:
        """Return the factors, with recovery codes if there is a factor that they can replace."""
        factors = [Factor("totp")] if stored.seed else []
        if self._sms and (number := addresses.e164(stored.phone)):
            factors.append(Factor("sms", f"…{number[-2:]}"))
        if not factors and not stored.phone and not stored.unreadable:
            return ()
        unused = (
            SecretRow.account_id == account.id,
            SecretRow.purpose == Purpose.RECOVERY,
            SecretRow.used_at.is_(None),
        )
        if await self._database.fetch(select(SecretRow.key).where(*unused).limit(1)):
            factors.append(Factor("recovery_code"))
        return factors or [
            Factor("other")
        ]  # to count only factors that can be reached now would be a bypass

    async def begin(self, trial: SecondStepTry) -> bool:
        if trial.method != "sms" or not self._sms:
            return False
        await self._sms.send(trial, addresses.e164((await self.find(trial.account)).phone))
        return True

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        account_id = trial.account.id
        match trial.method:
            case "totp":
                return await self._verify_totp(trial)
            case "recovery_code":
                key = recovery_code_digest(account_id, trial.code)
                code = await self._database.read(
                    lambda connection: one_time_secrets.find(connection, key, Purpose.RECOVERY)
                )
            case _:
                code = await self._sms.find(trial) if self._sms else None
        if code is None or code.dead_reason(trial.moment):
            return None
        return Accepted(
            lambda connection, moment: one_time_secrets.use(connection, code, moment),
            lambda connection, moment: one_time_secrets.give_back(connection, code, moment),
        )

    async def _verify_totp(self, trial: SecondStepTry) -> Accepted | None:
        stored = await self.find(trial.account)
        step = totp_step(stored.seed, trial.code, trial.moment) if stored.seed else None
        if step is None:
            return None
        key = _key_of_step(trial.account.id, step)
        if await self._database.read(
            lambda connection: one_time_secrets.find(connection, key, Purpose.SPENT)
        ):
            return None

        def give_back(connection: Connection, _: datetime) -> None:
            one_time_secrets.delete(
                connection, trial.account.id, [Purpose.SPENT], SecretRow.key == key
            )

        return Accepted(
            lambda connection, moment: take_step(connection, trial.account.id, step, moment),
            give_back,
        )

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent additions.

        Codes end even if the factor that they replace stays: another may have got them.
        """
        return one_time_secrets.delete(
            connection, account_id, STORED_FACTORS, SecretRow.created_at > now() - RECENT
        )

    async def close(self) -> None:
        if self._sms:
            await self._sms.close()


_EARLIER = 2
"""Steps before a code's own that may be accepted at the same moment (`totp.py`)."""

_REMEMBERED = timedelta(hours=1)
"""How long a step is remembered: longer than it is accepted by any machine's clock."""


def take_step(connection: Connection, account_id: str, step: int, moment: datetime) -> bool:
    """Use a TOTP step up, with those before it; False if it was used (ASVS 6.5.1; CVE-2015-7225,
    CVE-2021-43177).
    """
    steps = [
        (Purpose.SPENT, _key_of_step(account_id, one)) for one in range(step - _EARLIER, step + 1)
    ]
    return [
        one_time_secrets.take(connection, one, account_id, moment, moment + _REMEMBERED)
        for one in steps
    ][-1]


def _key_of_step(account_id: str, step: int) -> bytes:
    return one_time_secrets.key_of(f"TOTP {step} {account_id}")


# Recovery codes, to print, and to keep in case the phone is lost, wherever an account's other
# factors are


RECOVERY_CODES = 10
"""Codes that an account gets at a time."""

_LETTERS = 24
"""120 bits: from 112 on, a fast hash is enough (OWASP ASVS 6.5.2), so one statement finds and uses
a code.
"""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, without I, L, O and U: readers cannot confuse the characters on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code() -> str:
    """Return a fresh code as users see it: six groups of four."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes:
    """Return the digest to store and search for, in any spelling of the code."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    return one_time_secrets.key_of(f"{account_id}\0{letters}")


def renew_recovery_codes(connection: Connection, account_id: str) -> Sequence[str]:
    """Return fresh codes, which cannot be shown again; earlier codes end, in the caller's
    transaction.
    """
    one_time_secrets.delete(
        connection, account_id, [Purpose.RECOVERY]
    )  # none is kept: a code on paper never expires
    codes = [mint_recovery_code() for _ in range(RECOVERY_CODES)]
    keys = [recovery_code_digest(account_id, code) for code in codes]
    one_time_secrets.add(
        connection, [(_lasting(Purpose.RECOVERY, key, account_id, now()), True) for key in keys]
    )
    return codes


def _lasting(
    purpose: Purpose, key: bytes, account_id: str, since: datetime, data: str = ""
) -> OneTimeSecret:
    return OneTimeSecret(
        purpose=purpose,
        key=key,
        account_id=account_id,
        created_at=since,
        expires_at=NEVER,
        data=data,
    )


_FACTORS = (Purpose.TOTP, Purpose.PHONE)
_BATCH = 200
"""Factors that are read at a time."""


class BuiltinFactors(OwnSecondStep):
    """Stores factors among Keyturn's secrets. The first of `keys` encrypts, all of them decrypt."""

    def __init__(self, database: Database, sms: Messages, keys: Sequence[str]) -> None:
        super().__init__(database, sms)
        self._box = box(keys, "second factors")

    async def find(self, account: Account, *which: ColumnElement[bool]) -> StoredFactors:
        sealed = select(SecretRow.purpose, SecretRow.data).where(
            SecretRow.account_id == account.id, *which
        )
        rows = await self._database.fetch(sealed.where(SecretRow.purpose.in_(_FACTORS)))
        factors = {row["purpose"]: self._open(row["data"]) for row in rows}
        if None in factors.values():
            reason = "encrypted with a secret key that is no longer in the settings"
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=reason))
            return StoredFactors(unreadable=True)
        return StoredFactors(
            factors.get(Purpose.TOTP), (factors.get(Purpose.PHONE) or b"").decode()
        )

    def _open(self, sealed: str) -> bytes | None:
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            return None

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(
            account, await self.find(account, SecretRow.created_at <= now() - RECENT)
        )

    def set(self, connection: Connection, account_id: str, kind: Purpose, factor: bytes) -> None:
        """Store a seed or a number, for a caller that holds the account.

        A replacement has stood for as long.
        """
        key = one_time_secrets.key_of(f"{kind} {account_id}")
        replaced = one_time_secrets.find(connection, key, kind)
        since, data = replaced.created_at if replaced else now(), self._box.encrypt(factor).decode()
        one_time_secrets.add(connection, [(_lasting(kind, key, account_id, since, data), True)])

    def set_up(
        self, connection: Connection, account_id: str, seed: bytes, step: int
    ) -> Sequence[str]:
        """Store a seed and use up the step of the code that proved it (ASVS 6.5.1); return fresh
        recovery codes.
        """
        take_step(connection, account_id, step, now())
        self.set(connection, account_id, Purpose.TOTP, seed)
        return renew_recovery_codes(connection, account_id)

    def set_all(
        self, connection: Connection, account_id: str, factors: Mapping[str, str]
    ) -> Sequence[str]:
        """Store a `phone` and a `totp` in base 32; return recovery codes if there is the second."""
        if "phone" in factors:
            self.set(connection, account_id, Purpose.PHONE, factors["phone"].encode())
        if "totp" not in factors:
            return ()
        self.set(connection, account_id, Purpose.TOTP, seed_of_base32(factors["totp"]))
        return renew_recovery_codes(connection, account_id)

    def remove(self, connection: Connection, account_id: str) -> None:
        """Delete all factors of an account with its recovery codes, in the caller's transaction."""
        one_time_secrets.delete(connection, account_id, STORED_FACTORS)

    @classmethod
    async def count_unreadable(cls, database: Database, keys: Sequence[str]) -> int:
        """Return how many accounts have a factor that none of the keys decrypts."""
        stored = cls(database, None, keys)
        row, last, unreadable = SecretRow, b"", set[str]()
        batch = (
            select(row.key, row.account_id, row.data)
            .where(row.purpose.in_(_FACTORS))
            .order_by(row.key)
        )
        while rows := await database.fetch(batch.where(row.key > last).limit(_BATCH)):
            unreadable.update(
                one["account_id"] for one in rows if stored._open(one["data"]) is None
            )
            last = bytes(rows[-1]["key"])
        return len(unreadable)
