"""A second step whose codes Keyturn checks itself: TOTP, recovery codes and codes by SMS."""

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
    Minted,
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
"""The sender of codes by SMS; None if no messages are sent."""

RECENT = timedelta(days=30)
"""How long an added factor is recent. Mails are often read late.

Only an operator can add a factor: a thief with a stolen password could otherwise lock the owner
out. The owner gets a mail with the button "this was not me". While the factor is recent, a press
removes it, and a recovery link does not ask for it and removes it, too. Afterwards it is proven. A
factor that replaces another is as old as that one, so the mailbox alone cannot remove a proven
factor.
"""


class StoredFactors(msgspec.Struct, frozen=True):
    """An account's stored factors. `unreadable`: it has a factor that cannot be read."""

    seed: bytes | None = None
    phone: str = ""
    unreadable: bool = False

    __repr__ = object.__repr__  # a traceback with its variables would show the seed


class OwnSecondStep(SecondStep):
    """Checks codes against seeds, and sends codes to phones. A subclass finds these (`find`)."""

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
        # A factor that cannot be checked still counts: leaving it out would be a bypass.
        return factors or [Factor("other")]

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
        """Delete recently added factors and recovery codes; tell whether there were any.

        Recent codes end even if the factor that they replace is proven: an attacker may have them.
        """
        return one_time_secrets.delete(
            connection, account_id, STORED_FACTORS, SecretRow.created_at > now() - RECENT
        )

    async def close(self) -> None:
        if self._sms:
            await self._sms.close()


_EARLIER = 2
"""Steps before that of a code that may be accepted at the same time (`totp.py`)."""

_REMEMBERED = timedelta(hours=1)
"""How long a used step is remembered: longer than any machine accepts it, even if its clock is
wrong.
"""


def take_step(connection: Connection, account_id: str, step: int, moment: datetime) -> bool:
    """Use a TOTP step up, and the steps before it; False if it was used already.

    Codes must not work twice (ASVS 6.5.1; CVE-2015-7225, CVE-2021-43177).
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


# Recovery codes, for users who have lost their phone. Keyturn stores them wherever the other
# factors are


RECOVERY_CODES = 10
"""Codes that an account gets at a time."""

_LETTERS = 24
"""Characters of a code: 120 bits. From 112 bits on, a fast hash is enough (OWASP ASVS 6.5.2), so a
code can be found by its digest.
"""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32. It has no I, L, O and U, which readers could confuse on paper."""

_ALIKE = str.maketrans("ILO", "110")
_GROUP = 4
_BLANKS = re.compile(r"[\s-]+")


def mint_recovery_code() -> str:
    """Return a fresh code as users see it: six groups of four characters."""
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def recovery_code_digest(account_id: str, code: str) -> bytes:
    """Return the digest by which a code is stored and found. All spellings have the same."""
    letters = _BLANKS.sub("", code).upper().translate(_ALIKE)
    return one_time_secrets.key_of(f"{account_id}\0{letters}")


def renew_recovery_codes(connection: Connection, account_id: str) -> Sequence[str]:
    """Return fresh codes, and end the earlier ones, in the caller's transaction.

    Only their digests are stored, so they cannot be shown again.
    """
    # Earlier codes are deleted, since a code never expires.
    one_time_secrets.delete(connection, account_id, [Purpose.RECOVERY])
    codes = [mint_recovery_code() for _ in range(RECOVERY_CODES)]
    keys = [recovery_code_digest(account_id, code) for code in codes]
    moment = now()
    stored = [_lasting(Purpose.RECOVERY, key, account_id, moment) for key in keys]
    one_time_secrets.add(connection, [Minted(secret) for secret in stored])
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
"""Factors that `count_unreadable` reads at a time."""


class BuiltinFactors(OwnSecondStep):
    """Stores factors among Keyturn's secrets, encrypted.

    The first of `keys` encrypts, all of them decrypt.
    """

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
        """Store a seed or a phone number. The caller must hold the account.

        A factor that replaces another gets its age (`RECENT`).
        """
        key = one_time_secrets.key_of(f"{kind} {account_id}")
        replaced = one_time_secrets.find(connection, key, kind)
        since = replaced.created_at if replaced else now()
        data = self._box.encrypt(factor).decode()
        secret = _lasting(kind, key, account_id, since, data)
        one_time_secrets.add(connection, [Minted(secret)])

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
