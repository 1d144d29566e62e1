"""Sign-in, if the store gives password hashes, and changes of a password by users who know it."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from keyturn.service import identifiers, one_time_secrets
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.problems.proofs import (
    CredentialsRejected,
    NotSignedIn,
    SecondStepRejected,
    SecondStepRequired,
)
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.browser_proofs import BrowserProofs
from keyturn.service.reset.change import Change, PasswordChanges
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.ports import FurtherProof, PassedStep, SecondStepCode
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import hosted_path
from keyturn.service.telemetry.logs import LogEvent
from keyturn.service.telemetry.meters import count_calls

log = logging.getLogger("keyturn.sessions")

DEVICE_LIFE = timedelta(days=400)
"""Browsers keep no cookie longer (RFC 6265bis, 5.5)."""

PROOF_LIFE = timedelta(minutes=10)
"""How long a page may ask for the second step before the user must enter the password again."""


def _right_password(account_id: str, verified: str) -> bytes:
    """Return the digest that stands for a right password.

    It is made from the stored hash, so it proves nothing once the password has changed.
    """
    return sha256(f"{account_id}\0{verified}".encode("utf-8", "surrogatepass")).digest()


@dataclass(eq=False, repr=False, kw_only=True)
class ChangeInSession(Change):
    """A change by a signed-in user.

    `session`: the secret of the open session.
    `fresh`: the secret of the session that replaces it.
    """

    session: str
    fresh: str = field(default_factory=one_time_secrets.fresh_token)
    how = "change"

    @property
    def is_proven(self) -> bool:
        return True

    def redeem(self, tx: Transaction, _: datetime) -> Account:
        # Every change ends all sessions. So while this one is open, the password that was proved is
        # still the current one.
        if not tx.sessions.is_open(self.session):
            raise NotSignedIn
        return msgspec.structs.replace(self.account, intruded=False)

    def refusal(self) -> NotSignedIn:
        return NotSignedIn()

    def after_change(self, tx: Transaction) -> None:
        tx.sessions.start(self.account.id, self.fresh)


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A new session and its account.

    `secret`: the value of the session's cookie.
    `device`: the next value of the device cookie.
    """

    secret: str
    account: Account
    device: str
    __repr__ = object.__repr__  # a traceback with its variables would show the session


class SignIns:
    """Signs users in and out, and changes the password of a signed-in user."""

    def __init__(
        self,
        stores: Stores,
        hasher: PasswordHasher,
        changes: PasswordChanges,
        further_proof: FurtherProof,
    ) -> None:
        self._stores = stores
        self.meters = stores.meters
        self._accounts = stores.accounts
        self._limits = stores.limits
        self._audit = stores.audit
        self._hasher = hasher
        self._changes = changes
        self._further_proof = further_proof
        self._joins = stores.accounts.offers(AccountStore.password_hash_within)
        self._devices = BrowserProofs(stores.keys, "device cookies", DEVICE_LIFE)
        self._passwords = BrowserProofs(stores.keys, "password proofs", PROOF_LIFE)

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

        An unknown address gets the same answer as a wrong password, and takes as long (ASVS 6.3.8).
        Only after the right password does a client learn of a second step; the error then has the
        next `proof`.

        `device`: the browser's device cookie.
        `answer`: the answer to the second step.
        `proof`: a proof of the right password, in place of the password.

        Raises CredentialsRejected, SecondStepRequired, SecondStepRejected, TooManyRequests, Busy,
        Unavailable.
        """
        await self._limits.count("login", client)
        try:
            email = identifiers.parse_address(email)
        except InputInvalid:
            raise CredentialsRejected from None
        nonce = self._devices.nonce(device, identifiers.mailbox_digest(email))
        if nonce:
            # A browser that the owner has signed in with counts apart: see `device`.
            await self._limits.count_guess("device", nonce.hex())
        else:
            await self._limits.count_guess("address", identifiers.normalize_address(email))
        account = await self._accounts.find(email)
        verified = await self._verify(account, password, proof)
        secret = None
        if account and verified:
            passed = await self._require_second_step(account, verified, answer, client)
            secret = await self._open(account, verified, passed)
        if not account or not secret:
            account_id = account.id if account else ""
            await self._audit.record("sign_in", "rejected", client, account_id, email)
            log.info(LogEvent("sign_in.rejected", email=identifiers.mask(email)))
            raise CredentialsRejected
        await self._audit.record("sign_in", "signed_in", client, account.id, email)
        return OpenedSession(secret=secret, account=account, device=self.device(account))

    async def _verify(
        self, account: Account | None, password: str, proof: str = "", *, reserved: bool = False
    ) -> str | None:
        """Return the stored hash if the password, or the proof, fits; else None.

        A missing account costs the same reads (OWASP ASVS 6.3.8). Raises Busy.
        """
        account_id = account.id if account and account.active else ""
        stored = await self._accounts.password_hash(account_id)
        if proof:
            right = _right_password(account_id, stored or "")
            if self._passwords.nonce(proof, right) and account_id:
                return stored
        # A wrong proof goes on to this check, so it takes as long as a wrong password (ASVS 6.3.8).
        is_right = await self._hasher.verify(password, stored, reserved=reserved)
        return stored if is_right else None

    async def _require_second_step(
        self, account: Account, verified: str, answer: SecondStepCode | None, client: Client
    ) -> PassedStep | None:
        """Return the code to spend; None if the account has no second factor."""
        try:
            return await self._further_proof.require(None, account, answer, client)
        except (SecondStepRequired, SecondStepRejected) as asked:
            if isinstance(asked, SecondStepRequired):
                await self._audit.record(
                    "sign_in", asked.outcome, client, account.id, account.email
                )
            asked.password_proof = self._passwords.issue(_right_password(account.id, verified))
            raise

    async def _open(self, account: Account, verified: str, passed: PassedStep | None) -> str | None:
        """Return the secret of a new session; None if the password has changed in the meantime.

        `verified`: the hash that the password fitted.
        """
        secret = one_time_secrets.fresh_token()
        moment = now()

        def start(tx: Transaction) -> bool:
            tx.hold(account.id)
            if self._joins:
                current = self._accounts.password_hash_within(tx.connection, account.id)
                if current != verified:
                    return False
            if passed:
                passed.spend(tx, moment)
                passed.confirm(tx)
            tx.sessions.start(account.id, secret)
            return True

        if not await self._stores.transact(start):
            return None
        if self._joins:
            return secret
        # Another system is asked only after this database's transaction. If a change of the
        # password has not reached that system yet, its effects end this session, which is stored.
        if await self._accounts.password_hash(account.id) == verified:
            return secret
        await self.sign_out(secret)
        return None

    def device(self, account: Account) -> str:
        """Return a device cookie's value for a user who has just proved to be the owner.

        Guesses from this browser are counted apart, so the guesses of strangers do not lock the
        owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). A stolen cookie
        opens no session. It only allows as many guesses as the owner has.
        """
        return self._devices.issue(identifiers.mailbox_digest(account.email))

    async def sign_out(self, secret: str) -> None:
        await self._stores.sessions.end(secret)

    async def account(self, secret: str) -> Account:
        """Return the account that is signed in.

        Raises NotSignedIn if the session is over or the account disabled.
        """
        if not secret:
            raise NotSignedIn
        account_id = await self._stores.sessions.account_id(secret)
        if not account_id:
            raise NotSignedIn
        account = await self._accounts.get(account_id)
        if account is None or not account.active:
            raise NotSignedIn
        return account

    @count_calls("change")
    async def change_password(
        self, secret: str, current: str, password: str, client: Client
    ) -> str:
        """Set a new password for a signed-in user, end every session and return the secret of a new
        one.

        The user must prove again to be the owner (ASVS 7.5.1; NIST SP 800-63B-4 4.1.2).

        Raises NotSignedIn, CredentialsRejected if `current` is wrong, PasswordRejected,
        ChangeRefused, OutcomeUnknown, TooManyRequests, Busy, AccountsUnready.
        """
        account = await self.account(secret)
        await self._limits.count("login", client)
        # Counted by the account's id, apart from a stranger's guesses at the sign-in page, which
        # count against its address.
        await self._limits.count_guess("account", account.id)
        if not await self._verify(account, current, reserved=True):
            await self._audit.record(
                "password_change", "rejected", client, account.id, account.email
            )
            raise CredentialsRejected
        change = ChangeInSession(account=account, password=password, client=client, session=secret)
        await self._changes.make(change)
        log.info(LogEvent("password.changed", account_id=account.id))
        return change.fresh


def build(
    settings: Settings,
    stores: Stores,
    hasher: PasswordHasher,
    changes: PasswordChanges,
    further_proof: FurtherProof,
) -> SignIns | None:
    """Return the sign-in; None if the settings leave it out, or if the store gives no hashes."""
    accounts = stores.accounts
    is_builtin = settings.accounts.store == "builtin"
    is_hosted = hosted_path(settings.sign_in_url) is not None
    if not is_builtin and not is_hosted:
        return None
    if not accounts.offers(AccountStore.password_hash):
        return None
    return SignIns(stores, hasher, changes, further_proof)
