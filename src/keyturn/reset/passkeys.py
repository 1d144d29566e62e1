"""Passkeys (WebAuthn Level 3): created after a reset or by a signed-in owner, and used to sign in.

**Two proofs create a passkey**: the right that comes with a new password (`records/passkey_rights.py`), or a session
that is at most 15 minutes old. The owner gets a mail with the button "Secure your account" (NIST SP 800-63B-4 4.1.2 and
4.6). That button removes passkeys that were created since shortly before the change.

**A challenge is sealed, and stored only once it is used.** So a stranger who asks for many fills no table. Its use and
its effect are one transaction; a second use finds the first (WebAuthn 13.4.3).

**Sign-in asks for no address**, so no answer depends on an account. A user is always verified, so a passkey is two
factors. Of two uses with the same counter, the second is refused (7.2, step 22).
"""

import base64
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Literal, TypeVar

import msgspec
import webauthn
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from keyturn.accounts.passkeys import decode, encode
from keyturn.accounts.port import Account, KeepsPasskeys, Passkey, PasskeyStore
from keyturn.database import now
from keyturn.database.statements import insert_into
from keyturn.errors import Fault, SettingsInvalid
from keyturn.keys import derive
from keyturn.languages import SourceTexts
from keyturn.problems.proofs import NotSignedIn, PasskeyRejected
from keyturn.reset.bounded_pool import BoundedPool
from keyturn.reset.ground import Ground
from keyturn.reset.mails.composer import device_name
from keyturn.reset.proofs.altcha import SpentAnswerRow
from keyturn.reset.records import passkey_rights, tokens
from keyturn.reset.records.client import Client
from keyturn.reset.records.messages import PASSWORD_CHANGED, PasswordWasChanged
from keyturn.reset.records.stores import Transaction
from keyturn.reset.sign_in import OpenedSession, SignIns
from keyturn.settings import Settings

_ANSWERED_WITHIN = timedelta(minutes=5)
_FRESH = timedelta(minutes=15)
"""How old a session may be that changes passkeys (ASVS 7.5.1; NIST SP 800-63B-4 4.1.2)."""

_MOST = 20
"""Passkeys of an account."""

_NAMED, _MOST_NAMED = timedelta(days=7), 5
"""What a mail about a change names. "This was not me" removes them; see `accounts.passkeys.RECENT`."""

_LONGEST_NAME, _LONGEST_ANSWER, _LONGEST_ID = 100, 12_000, 1023
_DEVICES = 20
_THREADS, _WAITING = 2, 32
_EVENT = "passkey"

_OF_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, EOFError)
"""What `webauthn` and its parsers of CBOR and certificates raise for bytes that make no sense."""

_Result = TypeVar("_Result")
_Permission = Callable[[Transaction], bool]


class Offer(msgspec.Struct, frozen=True):
    """The options for a browser, as WebAuthn's JSON has them. `state` comes back with the answer."""

    state: str
    options: dict[str, Any]


class _Ceremony(msgspec.Struct, frozen=True):
    """What a state holds. `proof`: digest of the right or of the session that may create the passkey."""

    purpose: Literal["create", "sign_in"]
    challenge: bytes
    account_id: str = ""
    proof: bytes = b""
    handle: bytes = b""


class _Answer(msgspec.Struct, frozen=True):
    """The part of a browser's answer that is read here. `webauthn` checks the rest."""

    id: str
    response: dict[str, Any]


class _ClientData(msgspec.Struct, frozen=True, rename="camel"):
    """The part of what a browser signs that `webauthn` does not check."""

    cross_origin: bool = False


class Passkeys:
    """Creates, lists, names and removes passkeys, and signs users in with them.

    `sign_ins`: None if users sign in elsewhere. All methods raise TooManyRequests, Busy, and what the stores do.
    """

    def __init__(self, settings: Settings, ground: Ground, store: PasskeyStore, sign_ins: SignIns | None) -> None:
        self._rp_id = settings.rp_id
        self._rp_name = settings.brand.name
        self._origins = [settings.origin, *settings.passkeys.origins]
        self._records = ground.records
        self._accounts = ground.accounts
        self._limits = ground.limits
        self._store = store
        self._sign_ins = sign_ins
        self._pool = BoundedPool("keyturn-passkeys", _THREADS, _WAITING)
        keys = [base64.urlsafe_b64encode(derive(secret, "passkey challenges")) for secret in ground.secrets]
        self._box = MultiFernet([Fernet(key) for key in keys])

    @property
    def signs_in(self) -> bool:
        return self._sign_ins is not None and self._store.signs_in

    def right_after_reset(self) -> tuple[str, Callable[[Transaction, Account], None]]:
        """Return the token of a new right, and what writes it in the transaction of the reset."""
        token = tokens.mint(os.urandom)

        def write(tx: Transaction, account: Account) -> None:
            passkey_rights.grant(tx.connection, tokens.digest(token), account.id, now())

        return token, write

    async def begin_with_right(self, right: str, client: Client) -> Offer:
        """Return the options for a new passkey. Raises PasskeyRejected."""
        await self._limits.count("validate", client)
        return await self._begin(await self._account_of_right(right), tokens.digest(right))

    async def create_with_right(self, right: str, state: str, answer: str, client: Client) -> Passkey:
        """Create the passkey, which uses the right up. Raises PasskeyRejected."""
        await self._limits.count("reset", client)
        account, digest = await self._account_of_right(right), tokens.digest(right)
        return await self._create(account, digest, _has_right(digest), state, answer, client)

    async def _account_of_right(self, right: str) -> Account:
        digest = tokens.digest(right)
        account_id = await self._records.database.read(lambda one: passkey_rights.owner_of(one, digest, now()))
        account = await self._accounts.get(account_id) if account_id else None
        if account is None or not account.active:
            raise PasskeyRejected
        return account

    async def begin_signed_in(self, secret: str, client: Client) -> Offer:
        """Return the options for a new passkey of a signed-in owner. Raises NotSignedIn, PasskeyRejected."""
        await self._limits.count("validate", client)
        return await self._begin(await self._fresh_account(secret), tokens.digest(secret))

    async def create_signed_in(self, secret: str, state: str, answer: str, client: Client) -> Passkey:
        """Create the passkey. Raises NotSignedIn, PasskeyRejected."""
        await self._limits.count("reset", client)
        account = await self._fresh_account(secret)
        return await self._create(account, tokens.digest(secret), _is_signed_in(secret), state, answer, client)

    async def is_fresh(self, account: Account, secret: str) -> bool:
        """Tell whether the user has signed in a short time ago, and so may change passkeys."""
        digest, since = tokens.digest(secret), now() - _FRESH
        sessions = await self._records.sessions.of_account(account.id, _DEVICES)
        return any(session.digest == digest and session.created_at > since for session in sessions)

    async def _fresh_account(self, secret: str) -> Account:
        if self._sign_ins is None:
            raise NotSignedIn
        account = await self._sign_ins.account(secret)
        if not await self.is_fresh(account, secret):
            raise PasskeyRejected
        return account

    async def of_account(self, account_id: str) -> list[Passkey]:
        """Return the account's passkeys, the newest first."""
        theirs = await self._store.of_account(account_id)
        return sorted(theirs, key=lambda one: (one.created_at.timestamp() if one.created_at else 0, one.id))[::-1]

    async def recent(self, account_id: str, moment: datetime) -> list[str]:
        """Return the names of passkeys that "this was not me" would remove, for the mail about a change."""
        since, theirs = moment - _NAMED, await self.of_account(account_id)
        return [one.name for one in theirs if not one.created_at or one.created_at > since][:_MOST_NAMED]

    async def rename(self, secret: str, passkey_id: str, name: str, client: Client) -> bool:
        """Name a passkey of the signed-in owner; return whether there is one. Raises NotSignedIn, PasskeyRejected."""
        await self._limits.count("validate", client)
        account, name = await self._fresh_account(secret), _clean(name)
        passkey = await self._own(account, passkey_id)
        if passkey is None or not name:
            return False
        return await self._store.transact(lambda connection: self._store.rename(connection, passkey, name))

    async def remove(self, secret: str, passkey_id: str, client: Client) -> bool:
        """Remove a passkey of the signed-in owner, who is told by mail. Raises NotSignedIn, PasskeyRejected."""
        await self._limits.count("validate", client)
        account = await self._fresh_account(secret)
        passkey = await self._own(account, passkey_id)
        if passkey is None:
            return False
        tell = partial(self._tell, account=account, passkey=passkey, client=client, change="removed")
        permits = _is_signed_in(secret)
        await self._change(account, permits, tell, lambda connection: self._store.remove(connection, passkey))
        return True

    async def _own(self, account: Account, passkey_id: str) -> Passkey | None:
        return next((one for one in await self._store.of_account(account.id) if one.id == passkey_id), None)

    async def begin_sign_in(self, client: Client) -> Offer:
        """Return the options for a sign-in with any passkey of this service."""
        await self._limits.count("validate", client)
        challenge = os.urandom(32)
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return self._offer(_Ceremony("sign_in", challenge), options_to_json_dict(options))

    async def sign_in(self, state: str, answer: str, client: Client) -> OpenedSession:
        """Open a session. Raises PasskeyRejected, whatever is wrong."""
        await self._limits.count("login", client)
        if not self.signs_in:
            raise PasskeyRejected
        ceremony, said = self._open(state, "sign_in"), _read(answer)
        passkey = await self._store.find(said.id)
        if passkey is None or not _is_owner(passkey, said):
            raise PasskeyRejected
        account = await self._accounts.get(passkey.account_id)
        opened = await self._open_session(account, passkey, ceremony.challenge, answer)
        outcome, email = ("signed_in" if opened else "rejected"), account.email if account else ""
        await self._records.audit.record("sign_in", outcome, client, passkey.account_id, email)
        if opened is None:
            raise PasskeyRejected
        return opened

    async def _open_session(
        self, account: Account | None, passkey: Passkey, challenge: bytes, answer: str
    ) -> OpenedSession | None:
        """Open a session if the answer is valid and new; None otherwise."""
        try:
            counter = await self._verify_use(passkey, challenge, answer)
        except PasskeyRejected:  # a wrong signature, or the counter of a clone
            return None
        if not (self._sign_ins and account and account.active and await self._use_elsewhere(passkey, counter)):
            return None

        def accept(tx: Transaction) -> bool:
            moment = now()
            if not _spend(tx.connection, challenge, moment):
                return False
            return not self._store.joins or self._store.use(tx.connection, passkey, counter, moment)

        return await self._sign_ins.open_proved(account, accept)

    async def _use_elsewhere(self, passkey: Passkey, counter: int) -> bool:
        if self._store.joins:
            return True
        return await self._store.transact(lambda connection: self._store.use(connection, passkey, counter, now()))

    async def _verify_use(self, passkey: Passkey, challenge: bytes, answer: str) -> int:
        """Return the counter of a valid answer. Raises PasskeyRejected."""
        verify = partial(
            webauthn.verify_authentication_response,
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=self._rp_id,
            expected_origin=self._origins,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.counter,
            require_user_verification=True,
        )
        return (await self._checked(verify)).new_sign_count

    async def _begin(self, account: Account, proof: bytes) -> Offer:
        theirs = await self._store.of_account(account.id)
        # An id that tells nothing about the user (WebAuthn 14.6.1); one per account, so that authenticators show one.
        handle = self._store.handle_for(account.id) or next(
            (one.handle for one in theirs if one.handle), os.urandom(32)
        )
        challenge = os.urandom(32)
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._rp_name,
            user_name=account.email,
            user_display_name=account.name or account.email,
            user_id=handle,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=decode(one.id)) for one in theirs],
        )
        shown = options_to_json_dict(options) | {"extensions": {"credProps": True}}
        return self._offer(_Ceremony("create", challenge, account.id, proof, handle), shown)

    async def _create(
        self, account: Account, proof: bytes, permits: _Permission, state: str, answer: str, client: Client
    ) -> Passkey:
        ceremony, said = self._open(state, "create"), _read(answer)
        if (ceremony.account_id, ceremony.proof) != (account.id, proof):
            raise PasskeyRejected
        passkey = await self._verify_new(account, ceremony, said, answer, client)
        if not self._store.joins:  # a store that cannot be reached would make the mail untrue
            await self._store.of_account(account.id)
        tell = partial(self._tell, account=account, passkey=passkey, client=client, change="created")
        await self._change(
            account,
            lambda tx: permits(tx) and _spend(tx.connection, ceremony.challenge, now()),
            tell,
            lambda connection: self._store.add(connection, passkey, now(), _MOST),
        )
        return passkey

    async def _change(
        self,
        account: Account,
        permits: _Permission,
        record: Callable[[Transaction], None],
        change: Callable[[Connection], bool],
    ) -> None:
        """Write the records and the change, in one transaction if the store joins it. Raises PasskeyRejected.

        What permits the change is looked at in that transaction: a press of "this was not me" may have ended it since.
        If the store does not join, the records come first: a superfluous mail is better than a silent change (NIST SP
        800-63B-4 4.6).
        """

        def write(tx: Transaction) -> None:
            tx.hold(account.id)  # first, as a change of the password does, which ends rights and sessions
            if not permits(tx):
                raise PasskeyRejected
            record(tx)
            if self._store.joins and not change(tx.connection):
                raise PasskeyRejected

        await self._records.transact(write)
        self._records.outbox.wake()
        if not self._store.joins and not await self._store.transact(change):
            raise PasskeyRejected

    def _tell(
        self, tx: Transaction, account: Account, passkey: Passkey, client: Client, change: Literal["created", "removed"]
    ) -> None:
        moment = now()
        told = PasswordWasChanged(
            account_id=account.id,
            at=moment,
            client=client,
            email=account.email,
            passkey=change,
            passkey_name=passkey.name,
        )
        message = tx.outbox.enqueue(PASSWORD_CHANGED, told)
        tx.audit.write(_EVENT, change, client, moment, account.id, account.email, message_id=message)

    async def _verify_new(
        self, account: Account, ceremony: _Ceremony, said: _Answer, answer: str, client: Client
    ) -> Passkey:
        verify = partial(
            webauthn.verify_registration_response,
            credential=answer,
            expected_challenge=ceremony.challenge,
            expected_rp_id=self._rp_id,
            expected_origin=self._origins,
            require_user_verification=True,
        )
        verified = await self._checked(verify)
        if len(verified.credential_id) > _LONGEST_ID:
            raise PasskeyRejected
        known = said.response.get("transports")
        transports = [str(one) for one in known[:8] if str(one).isascii()] if isinstance(known, list) else []
        return Passkey(
            id=encode(verified.credential_id),
            account_id=account.id,
            public_key=verified.credential_public_key,
            counter=verified.sign_count,
            handle=ceremony.handle,
            is_synced=verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            transports=tuple(one[:16] for one in transports),
            aaguid=verified.aaguid,
            name=_clean(device_name(client.user_agent, SourceTexts())) or self._rp_name[:_LONGEST_NAME],
            response=answer,
        )

    async def _checked(self, verify: Callable[[], _Result]) -> _Result:
        """Run a check of `webauthn`'s, off the event loop. Raises PasskeyRejected."""
        try:
            return await self._pool.run(verify)
        except (WebAuthnException, *_OF_MALFORMED):
            raise PasskeyRejected from None

    def _offer(self, ceremony: _Ceremony, options: dict[str, Any]) -> Offer:
        return Offer(self._box.encrypt(msgspec.msgpack.encode(ceremony)).decode(), options)

    def _open(self, state: str, purpose: str) -> _Ceremony:
        try:
            opened = self._box.decrypt(state.encode(), ttl=int(_ANSWERED_WITHIN.total_seconds()))
        except (InvalidToken, UnicodeEncodeError):
            raise PasskeyRejected from None
        ceremony = msgspec.msgpack.decode(opened, type=_Ceremony)
        if ceremony.purpose != purpose:
            raise PasskeyRejected
        return ceremony

    def close(self) -> None:
        """End the threads."""
        self._pool.close()


def _is_signed_in(secret: str) -> _Permission:
    return lambda tx: tx.sessions.is_open(secret)


def _has_right(digest: bytes) -> _Permission:
    return lambda tx: passkey_rights.spend(tx.connection, digest, now())


def _read(answer: str) -> _Answer:
    try:
        if len(answer) > _LONGEST_ANSWER:
            raise PasskeyRejected
        said = msgspec.json.decode(answer.encode(), type=_Answer)
        client = msgspec.json.decode(decode(str(said.response.get("clientDataJSON"))), type=_ClientData)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PasskeyRejected from None
    if client.cross_origin:  # in a frame of another site, which nobody expects (WebAuthn Level 3, 7.1 and 7.2)
        raise PasskeyRejected
    return said


def _is_owner(passkey: Passkey, said: _Answer) -> bool:
    """Tell whether the answer names the passkey's user, if the store knows the handle (WebAuthn 7.2, step 6)."""
    given = said.response.get("userHandle")
    return not passkey.handle or (isinstance(given, str) and given.rstrip("=") == encode(passkey.handle))


def _spend(connection: Connection, challenge: bytes, moment: datetime) -> bool:
    """Use a challenge up; of concurrent callers exactly one gets True."""
    digest = sha256(b"passkey" + challenge).digest()
    row = {"digest": digest, "expires_at": moment + 2 * _ANSWERED_WITHIN}
    spent = insert_into(SpentAnswerRow, connection.dialect).values(**row).on_conflict_do_nothing()
    return connection.execute(spent.returning(SpentAnswerRow.digest)).first() is not None


def _clean(name: str) -> str:
    """Return a name in one line."""
    line = " ".join(name.split())[:_LONGEST_NAME].rstrip()
    return line if line.isprintable() else ""


def build(settings: Settings, ground: Ground, sign_ins: SignIns | None) -> Passkeys:
    """Return them. Raises SettingsInvalid if the store has no place for passkeys."""
    store = ground.accounts.passkeys if isinstance(ground.accounts, KeepsPasskeys) else None
    if store is None:
        message = "the store of the accounts keeps no passkeys: use builtin, or table with accounts.table.passkeys"
        raise SettingsInvalid([Fault("passkeys.enabled", message)])
    return Passkeys(settings, ground, store, sign_ins)
