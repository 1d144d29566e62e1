"""What a signed-in user sees of an account and can end: its sessions, and its last events (ASVS 7.5.2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from keyturn.accounts.builtin import digest_of
from keyturn.accounts.port import Account, DatesPasswords
from keyturn.database import now
from keyturn.reset.ground import Ground
from keyturn.reset.records.client import Client
from keyturn.reset.records.stores import Transaction

_DEVICES, _EVENTS = 20, 10
"""Rows that a page shows at most."""

EventName = Literal[
    "signed_in",
    "sign_in_failed",
    "password_changed",
    "password_refused",
    "link_sent",
    "second_step_set",
    "second_step_removed",
    "recovery_codes",
    "code_refused",
    "secured",
    "signed_out",
    "passkey_created",
    "passkey_removed",
]

_NAMES: Mapping[tuple[str, str], EventName] = {
    ("sign_in", "signed_in"): "signed_in",
    ("sign_in", "rejected"): "sign_in_failed",
    ("password_reset", "changed"): "password_changed",
    ("password_change", "changed"): "password_changed",
    ("password_change", "rejected"): "password_refused",
    ("second_step_change", "rejected"): "password_refused",
    ("reset_request", "link_mailed"): "link_sent",
    ("operator_reset", "link_mailed"): "link_sent",
    ("second_step", "totp_set"): "second_step_set",
    ("second_step", "factors_removed"): "second_step_removed",
    ("second_step", "recovery_codes_set"): "recovery_codes",
    ("second_step", "rejected"): "code_refused",
    ("account_secured", "secured"): "secured",
    ("passkey", "created"): "passkey_created",
    ("passkey", "removed"): "passkey_removed",
    ("session_end", "ended"): "signed_out",
    ("session_end", "others_ended"): "signed_out",
}
"""The entries of the audit trail that mean something to an account's owner."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in. `key` ends its session, for the account's owner only. `is_here`: this browser."""

    key: str
    signed_in_at: datetime
    user_agent: str
    is_here: bool


class AccountEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the account, without the network address: the client may be another person."""

    at: datetime
    name: EventName
    user_agent: str = ""


class AccountReview:
    """Shows a signed-in user the account's last change, devices and events, and signs devices out."""

    def __init__(self, ground: Ground) -> None:
        self._records = ground.records
        self._accounts = ground.accounts
        self._limits = ground.limits

    async def password_changed_at(self, account: Account) -> datetime | None:
        """Return when the password was last changed; None if the store does not know. Raises AccountsUnready."""
        accounts = self._accounts
        return await accounts.password_changed_at(account.id) if isinstance(accounts, DatesPasswords) else None

    async def devices(self, account: Account, secret: str) -> Sequence[Device]:
        """Return the browsers that are signed in here, the newest first. An app's own sessions are not among them."""
        here = digest_of(secret)
        return [
            Device(
                key=session.digest.hex(),
                signed_in_at=session.created_at,
                user_agent=session.user_agent,
                is_here=session.digest == here,
            )
            for session in await self._records.sessions.of_account(account.id, _DEVICES)
        ]

    async def events(self, account: Account) -> Sequence[AccountEvent]:
        """Return the last events, newest first. A link or a new password that an operator asked for has no device."""
        return [
            AccountEvent(
                at=entry.at,
                name=_NAMES[entry.event, entry.outcome],
                user_agent="" if entry.operator else entry.user_agent,
            )
            for entry in await self._records.audit.of_account(account.id, _NAMES, _EVENTS)
        ]

    async def sign_out(self, account: Account, key: str, client: Client) -> bool:
        """End the session with that key, if it is the account's; return whether it was open. Raises TooManyRequests."""
        await self._limits.count("validate", client)
        try:
            digest = bytes.fromhex(key)
        except ValueError:
            return False

        def end(tx: Transaction) -> bool:
            if not tx.sessions.end_one(account.id, digest):
                return False
            tx.audit.write("session_end", "ended", client, now(), account.id, account.email)
            return True

        return await self._records.transact(end)

    async def sign_out_elsewhere(self, account: Account, secret: str, client: Client) -> None:
        """End every other session of the account (ASVS 7.4.3). Raises TooManyRequests."""
        await self._limits.count("validate", client)

        def end(tx: Transaction) -> None:
            tx.hold(account.id)
            tx.sessions.end_others(account.id, secret)
            tx.audit.write("session_end", "others_ended", client, now(), account.id, account.email)

        await self._records.transact(end)
