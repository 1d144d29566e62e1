"""Changes of the second factors that Keyturn keeps, made by an operator.

Every change is one transaction with its audit entry and the mail that tells the owner (ASVS 6.3.7; NIST SP 800-63B-4
4.6).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from keyturn.service import addresses
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.reset.proofs.second_step import recovery_codes
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.reset.proofs.second_step.factor_table import take_step
from keyturn.service.reset.proofs.second_step.required import EVENT
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.messages import SECOND_STEP_CHANGED, FactorChange, SecondStepWasChanged
from keyturn.service.reset.records.stores import Records, Transaction

_Result = TypeVar("_Result")

_OUTCOMES: dict[FactorChange, str] = {
    "set_up": "totp_set",
    "phone": "phone_set",
    "removed": "factors_removed",
    "recovery_codes": "recovery_codes_set",
}


class FactorChanges:
    """Sets up, replaces and removes factors. Each call is one transaction, and its mail tells the owner."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def set_up(
        self, factors: BuiltinFactors, account: Account, seed: bytes, taken: int, client: Client
    ) -> Sequence[str]:
        """Store a seed in place of the previous one, and return fresh recovery codes.

        `taken`: the time step of the code that proved the seed, which is used up (ASVS 6.5.1).
        """

        def write(tx: Transaction) -> Sequence[str]:
            take_step(tx.connection, account.id, taken)
            factors.set(tx.connection, account.id, "totp", seed)
            return recovery_codes.renew(tx.connection, account.id)

        return await self._change(account, client, "set_up", write)

    async def set_phone(self, factors: BuiltinFactors, account: Account, phone: str, client: Client) -> None:
        """Store a phone in place of the previous one."""
        await self._change(
            account, client, "phone", lambda tx: factors.set(tx.connection, account.id, "phone", phone.encode())
        )

    async def remove(self, factors: BuiltinFactors, account: Account, client: Client) -> None:
        """Delete all factors of the account, with its recovery codes."""
        await self._change(account, client, "removed", lambda tx: factors.remove(tx.connection, account.id))

    async def renew_codes(self, account: Account, client: Client) -> Sequence[str]:
        """Return fresh recovery codes; earlier ones end."""
        return await self._change(
            account, client, "recovery_codes", lambda tx: recovery_codes.renew(tx.connection, account.id)
        )

    async def _change(
        self, account: Account, client: Client, change: FactorChange, work: Callable[[Transaction], _Result]
    ) -> _Result:
        moment, email = now(), addresses.normalize(account.email)
        changed = SecondStepWasChanged(
            account_id=account.id, at=moment, client=client, email=account.email, change=change
        )

        def write(tx: Transaction) -> _Result:
            tx.hold(account.id)
            result = work(tx)
            message = tx.outbox.enqueue(SECOND_STEP_CHANGED, changed)
            tx.audit.write(EVENT, _OUTCOMES[change], client, moment, account.id, email, message_id=message)
            return result

        result = await self._records.transact(write)
        self._records.outbox.wake()
        return result
