"""The port to an app's accounts: what every store must offer, and what it may offer besides."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from keyturn.mail.port.check_result import CheckResult
from keyturn.service import identifiers
from keyturn.service.settings import HashingSettings


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its store describes it.

    `id`: the store's own id, as text.
    `email`: the stored address.
    `name`: the name by which mails greet the owner, or "".
    `active`: the account is neither disabled nor locked.
    `has_password`: the owner signs in with a password, so the account gets links.
    `awaits_password`: the owner cannot sign in yet, so the account gets an invitation.
    `provider`: if neither holds, the name of the provider that signs the owner in ("Google"), or ""
    if it is unknown.
    `kind`: the kind of account, for the settings `[kinds]`, or "".
    `locale`, `timezone`: the language and the IANA zone of its mails, or "".
    `locked`: the owner reported a change of the password, so the account is not active. A new
    password lifts the lock.
    `intruded`: set for a change after which an intruder may have access: the owner reported one, or
    an operator asked for the new password. The change then ends passkeys and the like, too.
    """

    id: str
    email: str
    name: str = ""
    active: bool = True
    has_password: bool = True
    awaits_password: bool = False
    provider: str = ""
    kind: str = ""
    locale: str = ""
    timezone: str = ""
    locked: bool = False
    intruded: bool = False

    @property
    def takes_password(self) -> bool:
        """Whether a link may set its password; otherwise the owner signs in with a provider."""
        return self.has_password or self.awaits_password

    def may_still_change_password_of(self, earlier: "Account") -> bool:
        """Whether this account may get the new password that was meant for its `earlier` state.

        It may not if it was disabled, lost its password, or moved to another address since. It must
        have a password: a store that sets first passwords decides about those itself.
        """
        return (
            self.active
            and self.has_password
            and identifiers.is_same_mailbox(self.email, earlier.email)
        )


_LONGEST_LINE = 120  # characters


def one_line(text: str) -> str:
    """Return a text in one line, such as a name for greetings. It is cut to 120 characters."""
    return " ".join(text.split())[:_LONGEST_LINE].rstrip()


_PROVIDERS = {
    **dict.fromkeys(("azure", "azuread", "entraid", "microsoftentraid"), "Microsoft"),
    "github": "GitHub",
    "gitlab": "GitLab",
    "googleoauth2": "Google",
    "ldap": "LDAP",
    "linkedin": "LinkedIn",
    "oidc": "OpenID Connect",
    "saml": "SAML",
    "twitter": "X",
    "workos": "WorkOS",
}
"""Names of identity providers that are not simply the id with capital letters."""


def provider_name(provider: str) -> str:
    word = "".join(letter for letter in provider.lower() if letter.isalnum())
    return _PROVIDERS.get(word) or provider.replace("_", " ").replace("-", " ").title()


class Ended(msgspec.Struct, frozen=True):
    """The access to an account that a store has ended.

    `counts`: how many credentials of each kind, by the words of `settings.Credentials`.
    """

    counts: Mapping[str, int] = {}


NOTHING = Ended()


class NewPassword:
    """A password that the policy has accepted. Its repr does not show it (CWE-532)."""

    __slots__ = ("_hash", "_hash_with", "text")

    def __init__(self, text: str, hash_with: Callable[[str], Awaitable[str]]) -> None:
        self.text = text
        self._hash_with = hash_with
        self._hash: str | None = None

    async def hashed(self) -> str:
        """Return its hash. The first call makes it, off the event loop.

        Raises Busy if too many callers already wait.
        """
        if self._hash is None:
            self._hash = await self._hash_with(self.text)
        return self._hash


class AccountStore(ABC):
    """A store of accounts. A subclass overrides the optional methods that it can offer.

    Every method raises AccountsUnready if the accounts cannot be reached. No account has the id "".

    `takes_names`: `find` and `find_all` also take user names, as `identifiers.identify` returns
    them, without an @. A name must never match an address, nor an address a name. Mail goes to the
    account's address.
    `can_lock`: accounts can be locked. A locked account is not active and accepts no
    sign-in.
    """

    takes_names: bool = False
    can_lock: bool = False

    async def require_ready(self) -> None:  # noqa: B027 - not all have something to check
        """Raise SettingsInvalid, with every fault by its name, if the store differs from the
        settings.
        """

    async def require_reachable(self) -> None:
        """Raise AccountsUnready if the accounts cannot be read.

        Override it if `require_ready` costs much.
        """
        await self.require_ready()

    async def findings(self, hashing: HashingSettings) -> Sequence[CheckResult]:
        """Return what `keyturn doctor` reports about a store that is ready."""
        del hashing
        return ()

    async def close(self) -> None:  # noqa: B027 - not all have connections
        """Close the connections. A later call opens new ones, perhaps in another event loop."""

    @abstractmethod
    async def find(self, email: str) -> Account | None:
        """Return the account whose stored address is `email`, which is in the form of
        `identifiers.parse_address`.

        Upper and lower case match only for ASCII letters (CVE-2019-19844):
        `identifiers.is_same_mailbox` decides.
        """

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        """Return for each address what `find` would return or raise.

        Override it if the store finds many accounts for the cost of one.
        """
        found = await asyncio.gather(*map(self.find, emails), return_exceptions=True)
        answers: list[Account | Exception | None] = []
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one  # a cancellation is no answer
            answers.append(one)
        return answers

    @abstractmethod
    async def get(self, account_id: str) -> Account | None: ...

    async def awaiting_password(self) -> Sequence[str] | None:
        """Return the addresses of active accounts that await a first password.

        None: the store cannot list them.
        """
        return None

    async def addresses_after(self, email: str, most: int) -> Sequence[str] | None:
        """Return at most `most` stored addresses of active and locked accounts, after `email` in
        the store's order.

        "" comes before all addresses. None: the store cannot list them.
        """
        del email, most
        return None

    @abstractmethod
    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        """Store the password, and end every session that the store keeps itself.

        Return True, or the access that ended with it: the mail and the event about the change tell
        it. Return False, and change nothing, if the account is gone, is disabled, or has another
        address by now, or if it was read as `awaits_password` and has a password by now. An account
        that was read as `locked` may still be locked; this unlocks it.

        These errors mean that nothing was changed: PasswordRejected by the store's own rules,
        ChangeRefused for a refusal that a retry would meet again, Busy from `password.hashed()`,
        and AccountsUnready with `not_changed`. After any other error, it is unknown whether the
        password was changed.
        """

    def set_password_within(
        self, connection: Connection, account: Account, password_hash: str
    ) -> bool | Ended:
        """Do what `set_password` does, in the transaction of Keyturn's own database that uses the
        link up.

        Execute statements only: the transaction must not wait for other input or output. A store
        without this method counts as one in another system.
        """
        raise NotImplementedError

    async def password_hash(self, account_id: str) -> str | None:
        """Return the stored hash, so that users can sign in here and change a password that they
        know.

        None if the account is gone, disabled or has no password. An unknown id costs as much as a
        known one, so the time does not reveal which addresses have an account (ASVS 6.3.8).
        """
        raise NotImplementedError

    def password_hash_within(self, connection: Connection, account_id: str) -> str | None:
        """Do what `password_hash` does, in the transaction of Keyturn's own database that opens a
        session.
        """
        raise NotImplementedError

    async def end_sessions(self, account_id: str) -> Ended | None:
        """End the account's sessions, and what else ends with each new password.

        Return what ended; None if the store does not count it.
        """
        del account_id
        return None

    async def end_intrusion(self, account_id: str) -> Ended | None:
        """Do what `end_sessions` does, and end all other access: the owner reports an intrusion.

        If an earlier mailbox of the account reports one, `end_sessions` is called instead: that
        mailbox may be an attacker's.
        """
        return await self.end_sessions(account_id)

    async def lock(self, account: Account) -> bool:
        """Lock an account that is active and has the address of `account`.

        Return whether this call has locked it. Compare and lock in one statement: if the address
        changed between the two, the mail that unlocks the account would not reach its owner.
        """
        raise NotImplementedError

    async def unlock(self, account_id: str) -> bool:
        """Unlock an account; return whether it was locked."""
        raise NotImplementedError

    def offers(self, method: Callable[..., object]) -> bool:
        """Tell whether the store overrides a method of this class, such as `AccountStore.lock`."""
        return getattr(type(self), method.__name__) is not method
