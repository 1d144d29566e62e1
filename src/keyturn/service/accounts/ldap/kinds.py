"""The kinds of directories: how each keeps the state of an account, and sets its password."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.ber import Malformed, elements, integer, octets, sequence
from keyturn.service.accounts.ldap.messages import Change, Entry, Result, ResultCode
from keyturn.service.problems.passwords import Violation


class AccountState(NamedTuple):
    """`has_password`: the account has a password that can be set."""

    is_active: bool
    has_password: bool


class PasswordRequest(NamedTuple):
    """The request that sets a password, and the control that goes with it."""

    operation: bytes
    control: bytes


class DirectoryKind(ABC):
    """What differs between directories.

    `id_attribute`: the attribute with the id of an entry, which never changes.
    `attributes`: the attributes that `state` and `password_request` read.
    `left_over`: the attributes that may still keep the owner out after a change.
    `where`: the values that mark an entry as an account, if the settings name none.
    """

    id_attribute: str
    attributes: Sequence[str]
    left_over: Sequence[str]
    where: Mapping[str, str]

    @abstractmethod
    def id_value(self, account_id: str) -> bytes | None:
        """Return an id as the directory stores it; None if no entry can have it."""

    @abstractmethod
    def id_text(self, value: bytes) -> str: ...

    @abstractmethod
    def state(self, entry: Entry, moment: datetime) -> AccountState: ...

    @abstractmethod
    def password_request(self, entry: Entry, password: str) -> PasswordRequest:
        """Return the request that sets the password as an administrator."""

    def deletions(self, entry: Entry) -> list[Change]:
        """Return the changes that let the owner in: they delete the values of `left_over`.

        Each value is deleted as it was read, so a newer one stays.
        """
        found = []
        for attribute in self.left_over:
            values = entry.values.get(attribute.lower())
            if values:
                found.append(Change("delete", attribute, values))
        return found

    @abstractmethod
    def violations(self, result: Result) -> Sequence[Violation]:
        """Return the rules that a refused password breaks.

        Return none if it was refused for another reason.
        """


# OpenLDAP, and servers that know its password policy (draft-behera-ldap-password-policy-10)


_LOCKED_FOR_EVER = "000001010000Z"
"""The value of `pwdAccountLockedTime` that an administrator sets."""

# Tags of a request to set a password (RFC 3062, 2). The tag between them is for the old password.
_USER_IDENTITY = 0x80
_NEW_PASSWORD = 0x82

_POLICY_ERROR = 0x81

_POLICY_RULES = {5: "weak", 6: "weak_length", 7: "too_young", 8: "history", 9: "too_long"}
"""The errors of the draft's section 6.2 that a new password causes, and OpenLDAP's
passwordTooLong, each with Keyturn's name of the rule.
"""


class OpenLdap(DirectoryKind):
    """A directory that sets passwords by RFC 3062 and has the overlay ppolicy, or works like it."""

    id_attribute = "entryUUID"
    attributes = ("pwdAccountLockedTime", "nsAccountLock", "shadowExpire")
    left_over = ("pwdReset", "pwdAccountLockedTime")
    where: Mapping[str, str] = {"objectClass": "person"}

    def id_value(self, account_id: str) -> bytes | None:
        if account_id and account_id.isascii() and account_id.isprintable():
            return account_id.encode()
        return None

    def id_text(self, value: bytes) -> str:
        return value.decode(errors="replace").lower()

    def state(self, entry: Entry, moment: datetime) -> AccountState:
        # An administrator sets a lock for ever. Setting the password would end that lock, too.
        is_locked = entry.text("pwdAccountLockedTime") == _LOCKED_FOR_EVER
        is_disabled = entry.text("nsAccountLock").lower() == "true"
        is_active = not (is_locked or is_disabled or _has_expired(entry, moment))
        return AccountState(is_active, has_password=True)

    def password_request(self, entry: Entry, password: str) -> PasswordRequest:
        value = sequence(octets(entry.dn, _USER_IDENTITY), octets(password, _NEW_PASSWORD))
        operation = messages.extended(messages.PASSWORD_MODIFY, value)
        return PasswordRequest(operation, messages.control(messages.PASSWORD_POLICY))

    def deletions(self, entry: Entry) -> list[Change]:
        # A lock for ever stays: an administrator set it.
        for_ever = _LOCKED_FOR_EVER.encode()
        return [one for one in super().deletions(entry) if for_ever not in one.values]

    def violations(self, result: Result) -> Sequence[Violation]:
        if result.code != ResultCode.CONSTRAINT_VIOLATION:
            return ()
        error = _policy_error(result.controls.get(messages.PASSWORD_POLICY, b""))
        return [Violation(_POLICY_RULES.get(error, "weak"))]


def _has_expired(entry: Entry, moment: datetime) -> bool:
    if not entry.text("shadowExpire"):
        return False
    # Days since 1970; a negative number means never (shadow(5)).
    return 0 <= entry.number("shadowExpire") <= moment.timestamp() // 86_400


def _policy_error(control: bytes) -> int:
    """Return the error in the response of the password policy; -1 if it holds none."""
    try:
        response = elements(control)[0]
        for part in elements(response.content):
            if part.tag == _POLICY_ERROR:
                return part.number
    except (Malformed, IndexError):
        pass
    return -1


# Active Directory (MS-ADTS)


# Flags of userAccountControl
_DISABLED = 0x2
_SMARTCARD = 0x40000

_NEVER = 0x7FFFFFFFFFFFFFFF
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # Active Directory counts steps of 100 ns from here

# ERROR_PASSWORD_RESTRICTION. It does not say which of the rules a password breaks.
_BROKEN_POLICY = "0000052D"


class ActiveDirectory(DirectoryKind):
    """Active Directory, or Samba as a domain controller: `unicodePwd` over TLS (MS-ADTS
    3.1.1.3.1.5).
    """

    id_attribute = "objectGUID"
    attributes = ("userAccountControl", "accountExpires", "lockoutTime")
    left_over = ()  # the request that sets the password ends a lockout, too
    where: Mapping[str, str] = {"sAMAccountType": "805306368"}
    """People: neither machines nor trusts."""

    def id_value(self, account_id: str) -> bytes | None:
        try:
            return UUID(account_id).bytes_le
        except ValueError:
            return None

    def id_text(self, value: bytes) -> str:
        if len(value) != 16:
            return value.hex()
        return str(UUID(bytes_le=value))

    def state(self, entry: Entry, moment: datetime) -> AccountState:
        flags = entry.number("userAccountControl")
        # The flags are 0 if the service account may not read them: no account has that value.
        is_enabled = flags != 0 and not flags & _DISABLED
        expires = entry.number("accountExpires")
        ticks = (moment - _EPOCH) // timedelta(microseconds=1) * 10
        has_expired = 0 < expires < _NEVER and expires <= ticks
        has_password = not flags & _SMARTCARD
        return AccountState(is_enabled and not has_expired, has_password)

    def password_request(self, entry: Entry, password: str) -> PasswordRequest:
        """Return the modification that sets the password and ends a lockout.

        Setting the password also removes the flag "must change".
        """
        changes = [Change("replace", "unicodePwd", [f'"{password}"'.encode("utf-16-le")])]
        if entry.number("lockoutTime"):
            changes.append(Change("replace", "lockoutTime", ["0"]))
        hints = messages.control(messages.POLICY_HINTS, sequence(integer(1)))
        return PasswordRequest(messages.modify(entry.dn, changes), hints)

    def violations(self, result: Result) -> Sequence[Violation]:
        if result.code not in {ResultCode.CONSTRAINT_VIOLATION, ResultCode.UNWILLING_TO_PERFORM}:
            return ()
        if not result.message.upper().startswith(_BROKEN_POLICY):
            return ()
        return [Violation("weak_length"), Violation("weak_characters"), Violation("history")]
