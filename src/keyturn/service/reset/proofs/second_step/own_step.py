"""Second step whose codes Keyturn makes and checks: TOTP, recovery codes and codes by SMS."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import msgspec
from sqlalchemy import Connection

from keyturn.service import secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.recovery_codes import are_left, recovery_code_digest
from keyturn.service.reset.proofs.second_step.sms_codes import SmsCodes
from keyturn.service.reset.proofs.second_step.totp import totp_step
from keyturn.service.secrets import Purpose, Secret, SecretRow

STORED = (Purpose.TOTP, Purpose.PHONE, Purpose.RECOVERY)
"""What Keyturn stores of an account's factors. Recovery codes are for factors of an app or a directory, too."""

RECENT = timedelta(days=30)
"""How long an addition is recent: a mail is often read late. Afterwards it is proven.

No session and no link adds a factor: a thief with a stolen password could lock the owner out of every reset. An
operator adds, and the owner's mailbox gets a mail with the button "this was not me". While an addition is recent, a
press of that button removes it, and a recovery link neither asks for it nor leaves it. So a mailbox can undo what an
operator was talked into. One that replaced a proven factor has stood for as long as that one: whoever reads the mailbox
alone cannot remove a second step that has stood for longer.
"""


class StoredFactors(msgspec.Struct, frozen=True):
    """An account's stored factors. `unreadable`: it has a factor that cannot be read."""

    seed: bytes | None = None
    phone: str = ""
    unreadable: bool = False

    __repr__ = object.__repr__  # a seed in a traceback would produce codes for ever


class OwnSecondStep(SecondStep):
    """Makes and checks codes by seeds and phones; a subclass has these, by `find`.

    `sms` is None if no messages are sent.
    """

    def __init__(self, database: Database, sms: SmsCodes | None) -> None:
        self._database = database
        self._sms = sms

    @abstractmethod
    async def find(self, account: Account) -> StoredFactors:
        """Return the account's factors. Raises Unavailable."""

    async def factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(account, await self.find(account))

    async def _offered(self, account: Account, stored: StoredFactors) -> Sequence[Factor]:
        """Return the factors, with recovery codes if there is a factor that they can replace."""
        found = [Factor("totp")] if stored.seed else []
        if self._sms and (number := self._sms.reachable(stored.phone)):
            found.append(Factor("sms", f"…{number[-2:]}"))
        if not found and not stored.phone and not stored.unreadable:
            return ()
        if await self._database.read(partial(are_left, account_id=account.id)):
            found.append(Factor("recovery_code"))
        return found or [Factor("other")]  # to count only factors that can be reached now would be a bypass

    async def begin(self, trial: SecondStepTry) -> bool:
        if trial.method != "sms" or not self._sms:
            return False
        number = self._sms.reachable((await self.find(trial.account)).phone)
        if number:
            await self._sms.send(trial, number)
        return bool(number)

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        account_id = trial.account.id
        match trial.method:
            case "totp":
                return await self._verify_totp(trial)
            case "recovery_code":
                key = recovery_code_digest(account_id, trial.code)
                code = await self._database.read(lambda connection: secrets.find(connection, key, Purpose.RECOVERY))
            case _:
                code = await self._sms.find(trial) if self._sms else None
        if code is None or code.state(trial.moment) != "works":
            return None
        return Accepted(partial(_use, code), lambda connection, moment: secrets.give_back(connection, *code.id, moment))

    async def _verify_totp(self, trial: SecondStepTry) -> Accepted | None:
        stored = await self.find(trial.account)
        step = totp_step(stored.seed, trial.code, trial.moment) if stored.seed else None
        if step is None:
            return None
        taken = Purpose.SPENT, _key_of_step(trial.account.id, step)
        before = await self._database.read(lambda connection: secrets.find(connection, taken[1], taken[0]))
        if before and before.tries:
            return None
        return Accepted(
            lambda connection, moment: take_step(connection, trial.account.id, step, moment),
            lambda connection, _: secrets.give_try_back(connection, *taken),
        )

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recent additions. Codes end even if the factor that they replace stays: another may have got them."""
        return secrets.delete(connection, account_id, STORED, SecretRow.created_at > now() - RECENT)

    async def close(self) -> None:
        if self._sms:
            await self._sms.close()


def _use(code: Secret, connection: Connection, moment: datetime) -> bool:
    return secrets.use(connection, *code.id, moment, code.proof) is not None


_EARLIER = 2
"""Steps before a code's own that may be accepted at the same moment (`totp.py`)."""

_REMEMBERED = timedelta(hours=1)
"""How long a step is remembered: longer than it is accepted by any machine's clock."""


def take_step(connection: Connection, account_id: str, step: int, moment: datetime) -> bool:
    """Use a TOTP step up, with those before it, in the caller's transaction; False if it was used.

    ASVS 6.5.1. A counting statement decides: two requests with the same code may come at once (CVE-2015-7225,
    CVE-2021-43177).
    """
    until, tries = moment + _REMEMBERED, 0
    for one in range(step - _EARLIER, step + 1):
        key = _key_of_step(account_id, one)
        tries = secrets.count_try(connection, Purpose.SPENT, key, moment, until=until).tries
    return tries == 1


def _key_of_step(account_id: str, step: int) -> bytes:
    return sha256(f"TOTP {step} {account_id}".encode("utf-8", "surrogatepass")).digest()
