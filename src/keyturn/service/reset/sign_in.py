"""Sign-in, if the store shows hashes or checks passwords, and changes of a password by users who
know it.
"""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec
from cryptography.fernet import InvalidToken

from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.client import Client
from keyturn.service.clock import now, random_bytes, unix
from keyturn.service.one_time_secrets import box
from keyturn.service.problems.proofs import (
    CredentialsRejected,
    NotSignedIn,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.change import Change
from keyturn.service.reset.complete import PasswordChanges
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.ports import PassedStep, SecondProof, SecondStepCode
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path
from keyturn.service.telemetry.logs import LogEvent
from keyturn.service.telemetry.meters import count_calls

DEVICE_LIFE = timedelta(days=400)
"""Browsers keep no cookie longer (RFC 6265bis, 5.5)."""

PROOF_LIFE = timedelta(minutes=10)
"""How long a page may ask for the second step before it asks for the password again."""

_NONCE_BYTES = 12


class Proofs:
    """Issues and reads sealed values by which a browser proves something, for `life`, and which do
    not show it.

    A value is a random nonce and a digest of what it proves. The first of `keys` seals, all of
    them open.
    """

    def __init__(self, keys: Sequence[str], purpose: str, life: timedelta) -> None:
        self._box, self._life = box(keys, purpose), int(life.total_seconds())

    def issue(self, proven: bytes) -> str:
        return self._box.encrypt_at_time(random_bytes(_NONCE_BYTES) + proven, int(unix())).decode()

    def nonce(self, value: str, proven: bytes) -> bytes:
        """Return the nonce of a value that proves this, the same for each spelling of the value;
        b"" of any other.
        """
        try:
            opened = self._box.decrypt_at_time(value.encode(), self._life, int(unix()))
        except (InvalidToken, UnicodeEncodeError):
            return b""
        return opened[:_NONCE_BYTES] if hmac.compare_digest(opened[_NONCE_BYTES:], proven) else b""


def _right_password(account_id: str, verified: str) -> bytes:
    """Return the digest of a right password, by the hash that it fits: it proves nothing once the
    password changes.
    """
    return sha256(f"{account_id}\0{verified}".encode("utf-8", "surrogatepass")).digest()


@dataclass(eq=False, repr=False, kw_only=True)
class ChangeInSession(Change):
    """The change of a signed-in user.

    `session` is the secret of the open session, `fresh` of the one that follows.
    """

    session: str
    fresh: str = field(default_factory=one_time_secrets.mint)
    how = "change"

    def refusal(self) -> NotSignedIn:
        return NotSignedIn()

    def redeem(self, tx: Transaction, _: datetime) -> Account:
        # Every change ends all sessions: while this one is open, the current password is unchanged.
        if not tx.sessions.is_open(self.session):
            raise NotSignedIn
        return msgspec.structs.replace(self.account, intruded=False)

    def after_change(self, tx: Transaction) -> None:
        tx.sessions.start(self.account.id, self.fresh)


log = logging.getLogger("keyturn.sessions")


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A new session and its account.

    `secret` opens it, `device` is the next value of the device cookie.
    """

    secret: str
    account: Account
    device: str
    __repr__ = object.__repr__  # a traceback with its variables would show the session


class SignIns:
    """Signs users in and out, and changes the password of a signed-in user: limited, audited and
    counted.
    """

    def __init__(
        self,
        stores: Stores,
        hasher: PasswordHasher,
        changes: PasswordChanges,
        second_step: SecondProof,
    ) -> None:
        self._stores, self.meters = stores, stores.meters
        self._accounts, self._limits, self._audit = stores.accounts, stores.limits, stores.audit
        self._hasher, self._changes, self._second_step = hasher, changes, second_step
        self._joins = stores.accounts.offers(AccountStore.password_hash_within)
        self._devices = Proofs(stores.keys, "device cookies", DEVICE_LIFE)
        self._passwords = Proofs(stores.keys, "password proofs", PROOF_LIFE)

    @count_calls("login")
    async def sign_in(
        self,
        email: str,
        password: str,
        client: Client,
        device: str = "",
        answer: SecondStepCode | None = None,
        proof: str = "",
    ) -> OpenedSession:
        """Open a session.

        `device`: the browser's device cookie. `proof`: of a right password, in place of it.

        `answer`: to the second step. Only the right password tells that there is one; the error
        then has the next `proof`. An unknown address gets the answer of a wrong password, and takes
        as long (ASVS 6.3.8). Raises CredentialsRejected, SecondStepRequired, SecondStepRejected,
        TooManyRequests, Busy, Unavailable.
        """
        await self._limits.count("login", client)
        try:
            email = addresses.parse(email)
        except InputInvalid:
            raise CredentialsRejected from None
        nonce = self._devices.nonce(device, addresses.digest(email))
        await self._limits.count_guess(
            "device" if nonce else "address", nonce.hex() or addresses.normalize(email)
        )
        account = await self._accounts.find(email)
        verified = await self._verify(account, password, proof)
        secret = None
        if account and verified:
            passed = await self._require_second_step(account, verified, answer, client)
            secret = await self._open(account, verified, passed)
        await self._audit.record(
            "sign_in",
            "signed_in" if secret else "rejected",
            client,
            account.id if account else "",
            email,
        )
        if not secret or not account:
            log.info(LogEvent("sign_in.rejected", email=addresses.mask(email)))
            raise CredentialsRejected
        return OpenedSession(secret=secret, account=account, device=self.device(account))

    async def _verify(
        self, account: Account | None, password: str, proof: str = "", *, reserved: bool = False
    ) -> str | None:
        """Return the stored hash that fits; a missing account costs the same reads (OWASP ASVS
        6.3.8). Raises Busy.
        """
        account_id = account.id if account and account.active else ""
        stored = await self._accounts.password_hash(account_id)
        if (
            proof
            and self._passwords.nonce(proof, _right_password(account_id, stored or ""))
            and account_id
        ):
            return stored
        return stored if await self._hasher.verify(password, stored, reserved=reserved) else None

    async def _require_second_step(
        self, account: Account, verified: str, answer: SecondStepCode | None, client: Client
    ) -> PassedStep | None:
        """Return the code to spend; None if the account has no second factor."""
        try:
            return await self._second_step.require(None, account, answer, client)
        except (SecondStepRequired, SecondStepRejected) as asked:
            if isinstance(asked, SecondStepRequired):
                await self._audit.record(
                    "sign_in", asked.outcome, client, account.id, account.email
                )
            asked.password_proof = self._passwords.issue(_right_password(account.id, verified))
            raise

    async def _open(self, account: Account, verified: str, passed: PassedStep | None) -> str | None:
        """Return the secret of a new session; None if `verified`, meanwhile, is no longer the
        account's hash.
        """
        secret, account_id, moment = one_time_secrets.mint(), account.id, now()

        def start(tx: Transaction) -> bool:
            tx.hold(account_id)
            if (
                self._joins
                and self._accounts.password_hash_within(tx.connection, account_id) != verified
            ):
                return False
            if passed:
                passed.spend(tx, moment)
                passed.confirm(tx)
            tx.sessions.start(account.id, secret)
            return True

        if not await self._stores.transact(start):
            return None
        # Another system is asked only after this database's transaction has ended. A change that
        # the other system does not know yet ends the session, which exists by now.
        if self._joins or await self._accounts.password_hash(account_id) == verified:
            return secret
        await self.sign_out(secret)
        return None

    def device(self, account: Account) -> str:
        """Return a device cookie's value for a user who has just proved that the account is theirs.

        Its browser's guesses count apart, so strangers lock no owner out (OWASP, "Slow Down Online
        Guessing Attacks with Device Cookies"). A stolen one allows as many guesses, and opens no
        session.
        """
        return self._devices.issue(addresses.digest(account.email))

    async def sign_out(self, secret: str) -> None:
        await self._stores.sessions.end(secret)

    async def account(self, secret: str) -> Account:
        """Return the account that is signed in.

        Raises NotSignedIn if the session is over or the account disabled.
        """
        account_id = await self._stores.sessions.account_id(secret) if secret else None
        account = await self._accounts.get(account_id) if account_id else None
        if account is None or not account.active:
            raise NotSignedIn
        return account

    @count_calls("change")
    async def change_password(
        self, secret: str, current: str, password: str, client: Client
    ) -> str:
        """Set a new password for a signed-in user, end every session and return the secret of a new
        one.

        The user proves again to be the owner (ASVS 7.5.1; NIST SP 800-63B-4 4.1.2). Raises
        NotSignedIn, PasswordRejected, CredentialsRejected if `current` is wrong, TooManyRequests,
        Busy, AccountsUnready.
        """
        account = await self.account(secret)
        await self._limits.count("login", client)
        # By the account's id: a stranger's guesses at the sign-in page count against its email.
        await self._limits.count_guess("account", account.id)
        change = ChangeInSession(account=account, password=password, client=client, session=secret)
        if not await self._verify(account, current, reserved=True):
            await self._audit.record(
                "password_change", "rejected", client, account.id, account.email
            )
            raise CredentialsRejected
        await self._changes.make(change)
        log.info(LogEvent("password.changed", account_id=account.id))
        return change.fresh


def build(
    settings: Settings,
    stores: Stores,
    hasher: PasswordHasher,
    changes: PasswordChanges,
    second_step: SecondProof,
) -> SignIns | None:
    """Return the sign-in; None if the settings leave it out, or if the store cannot check
    passwords.
    """
    accounts = stores.accounts
    hosted = settings.accounts.store == "builtin" or hosted_path(settings.sign_in_url) is not None
    if not hosted or not accounts.offers(AccountStore.password_hash):
        return None
    return SignIns(stores, hasher, changes, second_step)
