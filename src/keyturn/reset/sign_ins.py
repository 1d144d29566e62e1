"""Signing in, where the store's hashes can be read, and changing a password that is still known."""

import logging

import msgspec

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import now
from keyturn.problems.proofs import CredentialsRejected
from keyturn.problems.requests import InputInvalid
from keyturn.reset.account_sessions import AccountSessions
from keyturn.reset.changes.authorization import Change
from keyturn.reset.changes.service import PasswordChanges
from keyturn.reset.device_cookies import DeviceCookies
from keyturn.reset.rate_limits import RateLimits
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters, count_calls

log = logging.getLogger("keyturn.sessions")


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a new session is. `secret` opens it, `device` is the device cookie's next value."""

    secret: str
    account: Account
    device: str


class SignIns:
    """Signs people in and out, and changes the password of who is signed in: limited, audited and counted."""

    def __init__(
        self,
        sessions: AccountSessions,
        limits: RateLimits,
        audit: Audit,
        changes: PasswordChanges,
        devices: DeviceCookies,
        meters: Meters | None = None,
    ) -> None:
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._changes = changes
        self._devices = devices
        self.meters = meters or Meters()

    @count_calls("login")
    async def sign_in(self, email: str, password: str, client: Client, device: str = "") -> OpenedSession:
        """Open a session. `device` is the value of the device cookie that came along.

        An unknown address takes as long as a wrong password and gets the same answer (ASVS 6.3.8).
        Raises CredentialsRejected, TooManyRequests, Busy.
        """
        await self._limits.count("login", client)
        try:
            email = addresses.parse(email)
        except InputInvalid:
            raise CredentialsRejected from None
        await self._limits.count_guess(self._devices.guesser(device, email))
        account = await self._sessions.find(email)
        verified = await self._sessions.verify(account, password)
        secret = await self._sessions.open(account, verified) if account and verified else None
        await self._audit.record(
            "sign_in",
            "signed_in" if secret else "rejected",
            client,
            at=now(),
            account_id=account.id if account else "",
            email=email,
        )
        if not secret or not account:
            log.info(LogEvent("sign_in.rejected", email=addresses.mask(email)))
            raise CredentialsRejected
        return OpenedSession(secret=secret, account=account, device=self.device(account))

    def device(self, account: Account) -> str:
        """Return a device cookie's value for whoever has just proved that the account is theirs."""
        return self._devices.issue(account.email)

    async def sign_out(self, secret: str) -> None:
        await self._sessions.end(secret)

    async def account(self, secret: str) -> Account:
        """Return who is signed in. Raises NotSignedIn where the session is over or the account disabled."""
        return await self._sessions.account(secret)

    @count_calls("change")
    async def change_password(self, secret: str, current: str, password: str, client: Client) -> str:
        """Set a new password for who is signed in; return the secret of a new session, every old one being over.

        Raises NotSignedIn, CredentialsRejected where `current` is wrong, PasswordRejected, TooManyRequests, Busy,
        AccountsUnready.
        """
        account = await self._sessions.account(secret)
        await self._limits.count("login", client)
        # By the id and not by the email, under which a stranger's guesses at the sign-in page are counted.
        await self._limits.count_guess(account.id)
        if not await self._sessions.verify(account, current, reserved=True):
            await self._audit.record(
                "password_change", "rejected", client, at=now(), account_id=account.id, email=account.email
            )
            raise CredentialsRejected
        authorization = self._sessions.authorization(account.id, secret)
        await self._changes.make(
            Change(account=account, password=password, current=current, client=client, authorization=authorization)
        )
        log.info(LogEvent("password.changed", account_id=account.id))
        return authorization.fresh
