"""Second factors that Keyturn keeps, set up and removed by an operator or by the account's signed-in owner.

Before each change, the owner proves the current password, and a second step if the account has one (ASVS 7.5.1; NIST
SP 800-63B-4 4.1.2.1). A new seed counts only after one right code, so a mistake locks no owner out. Until then it is
sealed in the form, for ten minutes, for that session, and for the factors that the account had. Every change is one
transaction with its audit entry and the mail that tells the owner (ASVS 6.3.7; NIST 4.6).
"""

import base64
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.errors import KeyturnError
from keyturn.keys import derive
from keyturn.problems.proofs import Factor, SecondStepRejected, SecondStepRequired
from keyturn.reset.ground import Ground
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.reset.proofs.second_step.port import Accepted, Method, SecondStepTry
from keyturn.reset.proofs.second_step.required import EVENT, RequiredSecondStep
from keyturn.reset.proofs.second_step.totp import SEED_BYTES, totp_step
from keyturn.reset.proofs.second_step.tries import SecondStepTries
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import SECOND_STEP_CHANGED, FactorChange, SecondStepWasChanged
from keyturn.reset.records.stores import Records, Transaction
from keyturn.reset.sign_in import SignIns

SET_UP_WITHIN = timedelta(minutes=10)

_Result = TypeVar("_Result")
_Passed = Callable[[Transaction], None]
"""Spends the code by which the owner passed the second step."""

_OUTCOMES: dict[FactorChange, str] = {
    "set_up": "totp_set",
    "removed": "factors_removed",
    "recovery_codes": "recovery_codes_set",
}


class SetUpOver(KeyturnError):
    """The new seed was not confirmed in time, was begun in another session, or the account has other factors since."""


class FactorChanges:
    """Sets up, replaces and removes factors. Each call is one transaction, and its mail tells the owner."""

    def __init__(self, records: Records, step: OwnSecondStep) -> None:
        self._records = records
        self._step = step

    async def set_up(
        self, account: Account, seed: bytes, taken: int, client: Client, *, instead_of: bytes | None = None
    ) -> Sequence[str]:
        """Store a seed in place of the previous one, and return fresh recovery codes.

        `taken`: the time step of the code that proved the seed, which is used up (ASVS 6.5.1).
        `instead_of`: the state of the account's factors (`BuiltinFactors.state`). Raises SetUpOver if it is another.
        """
        source = self.source

        def write(tx: Transaction) -> Sequence[str]:
            if instead_of is not None and source.state_within(tx.connection, account.id) != instead_of:
                raise SetUpOver
            self._step.note_totp_step(tx.connection, account.id, taken)
            source.set_seed_within(tx.connection, account.id, seed)
            return self._step.recovery.mint_within(tx.connection, account.id)

        return await self._change(account, client, "set_up", write)

    async def remove(self, account: Account, client: Client, *, passed: _Passed = lambda _: None) -> None:
        """Delete all factors of the account, with its recovery codes. `passed`: spends the owner's code."""

        def write(tx: Transaction) -> None:
            passed(tx)
            self.source.remove(tx.connection, account.id)
            self._step.recovery.remove(tx.connection, account.id)

        await self._change(account, client, "removed", write)

    async def renew_codes(self, account: Account, client: Client, *, passed: _Passed = lambda _: None) -> Sequence[str]:
        """Return fresh recovery codes; earlier ones end. `passed` as in `remove`."""

        def write(tx: Transaction) -> Sequence[str]:
            passed(tx)
            return self._step.recovery.mint_within(tx.connection, account.id)

        return await self._change(account, client, "recovery_codes", write)

    @property
    def source(self) -> BuiltinFactors:
        source = self._step.source
        assert isinstance(source, BuiltinFactors)  # callers offer changes of factors only then
        return source

    async def _change(
        self, account: Account, client: Client, change: FactorChange, work: Callable[[Transaction], _Result]
    ) -> _Result:
        moment, email = now(), addresses.normalize(account.email)
        told = SecondStepWasChanged(account_id=account.id, at=moment, client=client, email=account.email, change=change)

        def write(tx: Transaction) -> _Result:
            tx.hold(account.id)
            result = work(tx)
            message = tx.outbox.enqueue(SECOND_STEP_CHANGED, told)
            tx.audit.write(EVENT, _OUTCOMES[change], client, moment, account.id, email, message_id=message)
            return result

        result = await self._records.transact(write)
        self._records.outbox.wake()
        return result


class OwnerProof(msgspec.Struct, frozen=True):
    """What a signed-in owner proves: the current password, and a code of the present second step."""

    password: str
    code: str = ""

    def __repr__(self) -> str:
        return "OwnerProof(...)"


class _PendingSeed(msgspec.Struct, frozen=True):
    account_id: str
    session: bytes
    seed: bytes
    instead_of: bytes


class PendingSeed(msgspec.Struct, frozen=True):
    """A seed that no code has proved yet. `sealed` holds it in a form."""

    seed: bytes
    sealed: str

    def __repr__(self) -> str:
        return "PendingSeed(...)"


class OwnFactors:
    """Lets a signed-in user set up, replace and remove the account's second step.

    Changes raise CredentialsRejected, SecondStepRequired, SecondStepRejected, TooManyRequests, Busy, Unavailable.
    """

    def __init__(
        self, ground: Ground, sign_ins: SignIns, step: OwnSecondStep, changes: FactorChanges, tries: SecondStepTries
    ) -> None:
        self._records = ground.records
        self._sign_ins = sign_ins
        self._step = step
        self._changes = changes
        self._tries = tries
        keys = [base64.urlsafe_b64encode(derive(secret, "pending second factors")) for secret in ground.secrets]
        self._box = MultiFernet([Fernet(key) for key in keys])

    async def factors(self, account: Account) -> Sequence[Factor]:
        return await self._step.factors(account)

    async def recovery_codes_left(self, account: Account) -> int:
        return await self._step.recovery.left(account.id)

    async def begin(self, account: Account, secret: str, proof: OwnerProof, client: Client) -> PendingSeed:
        """Return a new seed to be confirmed in this session."""
        spend = await self._require(account, proof, client)
        await self._records.transact(spend)
        seed = os.urandom(SEED_BYTES)
        pending = _PendingSeed(account.id, _digest(secret), seed, await self._changes.source.state(account.id))
        return PendingSeed(seed, self._box.encrypt(msgspec.msgpack.encode(pending)).decode())

    def open(self, account: Account, secret: str, sealed: str) -> PendingSeed:
        """Return the seed in a form. Raises SetUpOver."""
        return PendingSeed(self._unseal(account, secret, sealed).seed, sealed)

    def _unseal(self, account: Account, secret: str, sealed: str) -> _PendingSeed:
        try:
            opened = self._box.decrypt(sealed.encode(), ttl=int(SET_UP_WITHIN.total_seconds()))
        except (InvalidToken, UnicodeEncodeError):
            raise SetUpOver from None
        pending = msgspec.msgpack.decode(opened, type=_PendingSeed)
        if (pending.account_id, pending.session) != (account.id, _digest(secret)):
            raise SetUpOver
        return pending

    async def confirm(
        self, account: Account, secret: str, sealed: str, code: str, client: Client
    ) -> Sequence[str] | None:
        """Let the seed count and return fresh recovery codes; None if the code is wrong. Raises SetUpOver."""
        pending = self._unseal(account, secret, sealed)
        taken = totp_step(pending.seed, code, now())
        if taken is None:
            return None
        return await self._changes.set_up(account, pending.seed, taken, client, instead_of=pending.instead_of)

    async def remove(self, account: Account, proof: OwnerProof, client: Client) -> None:
        await self._changes.remove(account, client, passed=await self._require(account, proof, client))

    async def renew_codes(self, account: Account, proof: OwnerProof, client: Client) -> Sequence[str]:
        spend = await self._require(account, proof, client)
        return await self._changes.renew_codes(account, client, passed=spend)

    async def _require(self, account: Account, proof: OwnerProof, client: Client) -> _Passed:
        """Check what the owner has to prove. Return what spends the code, in the transaction of the change."""
        await self._sign_ins.require_password(account, proof.password, client, event="second_step_change")
        factors = await self.factors(account)
        if not factors:
            return lambda _: None
        if not proof.code.strip():
            raise SecondStepRequired(factors)
        moment = now()
        left = await self._tries.count_without_link(account.id, moment)
        accepted = await self._verify(account, factors, proof.code, client, moment)
        refusal = SecondStepRejected(factors, left)
        if accepted is None:
            await self._records.audit.record(EVENT, "rejected", client, account.id, account.email)
            raise refusal

        def spend(tx: Transaction) -> None:
            if not accepted.spend(tx.connection, moment):
                raise refusal
            self._tries.forget(tx.connection, account.id)

        return spend

    async def _verify(
        self, account: Account, factors: Sequence[Factor], code: str, client: Client, moment: datetime
    ) -> Accepted | None:
        """Return Accepted if it is a right code of the app, or a recovery code."""
        methods: tuple[Method, ...] = ("totp", "recovery_code")
        for method in methods:
            if method in {factor.method for factor in factors}:
                trial = SecondStepTry(
                    account=account, method=method, code=code, reset_id="settings", client=client, moment=moment
                )
                if accepted := await self._step.verify(trial):
                    return accepted
        return None


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def build(ground: Ground, sign_ins: SignIns | None, required: RequiredSecondStep | None) -> OwnFactors | None:
    """Return what owners may do themselves; None unless they sign in here and Keyturn keeps their factors."""
    step = required.step if required else None
    if sign_ins is None or not isinstance(step, OwnSecondStep) or not isinstance(step.source, BuiltinFactors):
        return None
    return OwnFactors(ground, sign_ins, step, FactorChanges(ground.records, step), step.tries)
