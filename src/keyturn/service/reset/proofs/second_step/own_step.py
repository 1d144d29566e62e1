"""Second step whose codes Keyturn makes and checks: TOTP, recovery codes and codes by SMS."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from keyturn.service import secrets
from keyturn.service.accounts.port import Account
from keyturn.service.database import Database
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.proofs.second_step.factor_table import give_step_back, last_step, take_step
from keyturn.service.reset.proofs.second_step.port import (
    Accepted,
    SecondStep,
    SecondStepTry,
    phone_hint,
    phone_number,
)
from keyturn.service.reset.proofs.second_step.recovery_codes import are_left, recovery_code_digest, remove_recent
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes
from keyturn.service.reset.proofs.second_step.totp import totp_step
from keyturn.service.secrets import Purpose, Secret


class StoredFactors:
    """An account's stored factors. `unreadable`: it has a factor that cannot be read.

    A class without a repr of its fields: a seed in a traceback would produce codes for ever.
    """

    __slots__ = ("phone", "seed", "unreadable")

    def __init__(self, seed: bytes | None = None, phone: str = "", *, unreadable: bool = False) -> None:
        self.seed = seed
        self.phone = phone
        self.unreadable = unreadable


class OwnSecondStep(SecondStep):
    """Makes and checks codes by seeds and phones; a subclass has these, by `find`.

    `sms` is None if no messages are sent.
    """

    def __init__(self, database: Database, sms: SmsCodes | None) -> None:
        self._database = database
        self._sms = sms

    async def require_ready(self) -> None:
        """Do nothing: the migrations create the tables."""

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        """Return the account's factors, or only those that are proven. Raises Unavailable.

        Only Keyturn's own are ever recent: the app or the directory vouches for the others.
        """
        raise NotImplementedError

    async def factors(self, account: Account, *, unless_recent: bool = False) -> Sequence[Factor]:
        """Return the factors, or the proven ones, with recovery codes if there is a factor that they can replace."""
        stored, found = await self.find(account, unless_recent=unless_recent), []
        unusable = stored.unreadable
        if stored.seed:
            found.append(Factor("totp"))
        if stored.phone:
            try:
                number = phone_number(stored.phone)
            except ValueError:
                number = ""
            if self._sms and number and self._sms.takes(number):
                found.append(Factor("sms", phone_hint(number)))
            else:  # to count only factors that can be reached now would be a bypass
                unusable = unusable or not stored.seed
        if not found and not unusable:
            return ()
        if await are_left(self._database, account.id):
            found.append(Factor("recovery_code"))
        return found or [Factor("other")]

    async def begin(self, trial: SecondStepTry) -> bool:
        if trial.method != "sms" or not self._sms:
            return False
        stored = await self.find(trial.account)
        await self._sms.send(trial, phone_number(stored.phone))
        return True

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        match trial.method:
            case "totp":
                return await self._verify_totp(trial)
            case "recovery_code":
                return _accepted(await self._unused_recovery_code(trial))
            case "sms":
                return _accepted(await self._sms.find(trial)) if self._sms else None

    async def _unused_recovery_code(self, trial: SecondStepTry) -> Secret | None:
        key = recovery_code_digest(trial.account.id, trial.code)
        if key is None:
            return None
        code = await self._database.read(lambda connection: secrets.find(connection, key, Purpose.RECOVERY))
        return code if code and code.state(trial.moment) == "works" else None

    async def _verify_totp(self, trial: SecondStepTry) -> Accepted | None:
        stored, account_id = await self.find(trial.account), trial.account.id
        step = totp_step(stored.seed, trial.code, trial.moment) if stored.seed else None
        if step is None or step <= await last_step(self._database, account_id):
            return None
        return _Spendable(
            lambda connection, _: take_step(connection, account_id, step),
            lambda connection, _: give_step_back(connection, account_id, step),
        )

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent additions, in the caller's transaction; tell whether there was one.

        Codes end even if the factor that they replace stays: another person may have got them.
        """
        return remove_recent(connection, account_id)

    async def close(self) -> None:
        if self._sms:
            await self._sms.close()


def _accepted(code: Secret | None) -> Accepted | None:
    """Return what spends a code that works; None if there is none."""
    if code is None:
        return None
    name = code.purpose, code.key
    return _Spendable(
        lambda connection, moment: secrets.use(connection, *name, moment, code.proof) is not None,
        lambda connection, moment: secrets.give_back(connection, *name, moment),
    )


class _Spendable(Accepted):
    """A right code, which a guarded statement spends and can give back."""

    def __init__(
        self, use: Callable[[Connection, datetime], bool], undo: Callable[[Connection, datetime], None]
    ) -> None:
        self._use = use
        self._undo = undo

    def spend(self, connection: Connection, moment: datetime) -> bool:
        return self._use(connection, moment)

    def give_back(self, connection: Connection, moment: datetime) -> None:
        self._undo(connection, moment)
