"""A second step whose codes Keyturn checks itself: TOTP, recovery codes and codes by SMS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import STORED_FACTORS, Purpose, SecretRow
from keyturn.service.problems.proofs import Factor
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.recovery_codes import (
    has_recovery_codes,
    recovery_code_digest,
)
from keyturn.service.reset.proofs.second_step.spent_steps import (
    give_back_step,
    is_spent,
    take_step,
)
from keyturn.service.reset.proofs.second_step.totp import totp_step

if TYPE_CHECKING:
    from keyturn.service.reset.proofs.second_step.sms import SmsCodes

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


class FactorStore(ABC):
    """Where the seeds and phone numbers of accounts are. Each method raises Unavailable."""

    async def require_ready(self) -> None:  # noqa: B027 - not all have something to check
        """Raise SettingsInvalid if the store differs from the settings."""

    @abstractmethod
    async def find(self, account: Account) -> StoredFactors:
        """Return the account's factors."""

    async def find_proven(self, account: Account) -> StoredFactors:
        """Return the account's factors without recently added ones (`RECENT`)."""
        return await self.find(account)

    async def close(self) -> None:  # noqa: B027 - not all have connections
        """Close the connections."""


class OwnSecondStep(SecondStep):
    """Checks codes against the seeds of a store, and sends codes to its phones.

    `sms`: sends the codes; None if no messages are sent.
    """

    def __init__(self, database: Database, store: FactorStore, sms: "SmsCodes | None") -> None:
        self.store = store
        self._database = database
        self._sms = sms

    async def require_ready(self) -> None:
        await self.store.require_ready()

    async def factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(account, await self.store.find(account))

    async def proven_factors(self, account: Account) -> Sequence[Factor]:
        return await self._offered(account, await self.store.find_proven(account))

    async def _offered(self, account: Account, stored: StoredFactors) -> Sequence[Factor]:
        """Return the factors, with recovery codes if there is a factor that they can replace."""
        factors = []
        if stored.seed:
            factors.append(Factor("totp"))
        number = identifiers.e164(stored.phone)
        if self._sms and number:
            factors.append(Factor("sms", f"…{number[-2:]}"))
        has_any = bool(factors or stored.phone or stored.unreadable)
        if not has_any:
            return ()
        if await has_recovery_codes(self._database, account.id):
            factors.append(Factor("recovery_code"))
        # A factor that cannot be checked still counts: leaving it out would be a bypass.
        return factors or [Factor("other")]

    async def begin(self, trial: SecondStepTry) -> bool:
        if trial.method != "sms" or not self._sms:
            return False
        stored = await self.store.find(trial.account)
        await self._sms.send(trial, identifiers.e164(stored.phone))
        return True

    async def verify(self, trial: SecondStepTry) -> Accepted | None:
        match trial.method:
            case "totp":
                return await self._verify_totp(trial)
            case "recovery_code":
                key = recovery_code_digest(trial.account.id, trial.code)
                code = await one_time_secrets.look_up(self._database, key, Purpose.RECOVERY)
            case _:
                code = await self._sms.find(trial) if self._sms else None
        if code is None or code.dead_reason(trial.moment):
            return None

        def spend(connection: Connection, moment: datetime) -> bool:
            return one_time_secrets.use(connection, code, moment)

        def give_back(connection: Connection, moment: datetime) -> None:
            one_time_secrets.give_back(connection, code, moment)

        return Accepted(spend, give_back)

    async def _verify_totp(self, trial: SecondStepTry) -> Accepted | None:
        account_id = trial.account.id
        stored = await self.store.find(trial.account)
        if stored.seed is None:
            return None
        step = totp_step(stored.seed, trial.code, trial.moment)
        if step is None:
            return None
        if await is_spent(self._database, account_id, step):
            return None

        def spend(connection: Connection, moment: datetime) -> bool:
            return take_step(connection, account_id, step, moment)

        def give_back(connection: Connection, _: datetime) -> None:
            give_back_step(connection, account_id, step)

        return Accepted(spend, give_back)

    def remove_recent(self, connection: Connection, account_id: str) -> bool:
        """Delete recently added factors and recovery codes; tell whether there were any.

        Recent codes end even if the factor that they replace is proven: an attacker may have them.
        """
        return one_time_secrets.delete(
            connection, account_id, STORED_FACTORS, SecretRow.created_at > now() - RECENT
        )

    async def close(self) -> None:
        await self.store.close()
        if self._sms:
            await self._sms.close()
