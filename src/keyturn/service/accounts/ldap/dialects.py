"""What directories write about accounts and passwords: OpenLDAP with its relatives, and Active Directory."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import CERTAIN_NO, SUCCESS, Connection, ConnectionBroken
from keyturn.service.accounts.ldap.messages import Entry, Result
from keyturn.service.accounts.port import NewPassword
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.telemetry.logs import LogEvent, log

REFERRAL, CONSTRAINT_VIOLATION, UNWILLING = 10, 19, 53


def _refused(result: Result, entry: Entry) -> Exception:
    """Return the error for a refusal that says nothing of the password, and log it for the operator.

    A server that can only be read names another one. That is not followed: the next of the settings is asked.
    """
    if result.code == REFERRAL:
        return ConnectionBroken("it cannot be written, and refers to another server")
    log.error(LogEvent("accounts.change_refused", dn=entry.dn, code=result.code, reason=result.message))
    reason = f"the directory refuses to set a password: {result}"
    return AccountsUnready(reason, not_changed=result.code in CERTAIN_NO)


# OpenLDAP, and servers that know its password policy (draft-behera-ldap-password-policy-10)


_LOCKED_FOR_EVER = "000001010000Z"
_POLICY_ERROR = 0x81

_POLICY_RULES = {5: "weak", 6: "weak_length", 7: "too_young", 8: "history", 9: "too_long"}
"""The errors of section 6.2 that a new password causes, and passwordTooLong of OpenLDAP."""


class OpenLdap:
    """A directory that sets passwords by RFC 3062 and has the overlay ppolicy, or works like it.

    `attributes`: those that `state` reads. `where`: what marks an entry as an account, if the settings do not say.
    `left_over`: those that `let_in` removes after a change.
    """

    id_attribute = "entryUUID"
    attributes: tuple[str, ...] = ("pwdAccountLockedTime", "nsAccountLock", "shadowExpire")
    left_over: tuple[str, ...] = ("pwdReset", "pwdAccountLockedTime")
    where: Mapping[str, str] = {"objectClass": "person"}

    def id_value(self, account_id: str) -> bytes | None:
        """Return an id as the directory stores it; None if no entry can have it."""
        return account_id.encode() if account_id.isascii() and account_id.isprintable() and account_id else None

    def id_text(self, value: bytes) -> str:
        return value.decode(errors="replace").lower()

    def state(self, entry: Entry, moment: datetime) -> tuple[bool, bool]:
        """Return whether the account is active, and whether it has a password that can be set."""
        # Setting the password would end a lock for ever, too, which an administrator set.
        locked = entry.text("pwdAccountLockedTime")
        # Days since 1970; a negative number means never (shadow(5)).
        expires = entry.number("shadowExpire") if entry.text("shadowExpire") else -1
        is_expired = 0 <= expires <= moment.timestamp() // 86_400
        is_disabled = locked == _LOCKED_FOR_EVER or entry.text("nsAccountLock").lower() == "true"
        return not (is_disabled or is_expired), True

    async def set_password(self, connection: Connection, entry: Entry, password: NewPassword) -> None:
        """Set the password as an administrator does. Raises PasswordRejected, AccountsUnready."""
        policy = messages.control(messages.PASSWORD_POLICY)
        result = await connection.ask(messages.password_modify(entry.dn, password.text), policy, changes=True)
        if result.code == SUCCESS:
            return
        if result.code == CONSTRAINT_VIOLATION:
            raise PasswordRejected([Violation(_POLICY_RULES.get(_policy_error(result), "weak"))])
        raise _refused(result, entry)

    async def let_in(self, connection: Connection, dn: str) -> None:
        """After that, remove the flag that asks for another password, and a lock that is left.

        The owner has just chosen the password. A policy sets the flag for one that an administrator knows. A lock for
        ever is an administrator's, set since the change. Values are deleted as they were read: a newer one stays.
        """
        entry = await connection.read(dn, *self.left_over)
        left = {name: each for name, each in entry.values.items() if each and _LOCKED_FOR_EVER.encode() not in each}
        if left:
            result = await connection.ask(messages.modify(dn, [("delete", name, each) for name, each in left.items()]))
            if result.code != SUCCESS:
                log.warning(LogEvent("accounts.not_let_in", dn=dn, attributes=list(left), reason=result))


def _policy_error(result: Result) -> int:
    """Return the error in the response of the password policy; -1 without one."""
    try:
        parts = messages.elements(messages.elements(result.controls.get(messages.PASSWORD_POLICY, b""))[0][1])
    except (messages.Malformed, IndexError):
        return -1
    return next((int.from_bytes(value) for tag, value in parts if tag == _POLICY_ERROR), -1)


# Active Directory (MS-ADTS)


_DISABLED, _SMARTCARD = 0x2, 0x40000
_NEVER = 0x7FFFFFFFFFFFFFFF
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # from which Active Directory counts 100 ns

_BROKEN_POLICY = "0000052D"
"""ERROR_PASSWORD_RESTRICTION."""

_BROKEN = [Violation("weak_length"), Violation("weak_characters"), Violation("history")]
"""The directory does not say which of its rules a password breaks."""


class ActiveDirectory(OpenLdap):
    """Active Directory, or Samba as a domain controller: `unicodePwd` over TLS (MS-ADTS 3.1.1.3.1.5)."""

    id_attribute = "objectGUID"
    attributes = ("userAccountControl", "accountExpires", "lockoutTime")
    left_over = ()
    where: Mapping[str, str] = {"sAMAccountType": "805306368"}  # people: neither machines nor trusts

    def id_value(self, account_id: str) -> bytes | None:
        try:
            return UUID(account_id).bytes_le
        except ValueError:
            return None

    def id_text(self, value: bytes) -> str:
        return str(UUID(bytes_le=value)) if len(value) == 16 else value.hex()

    def state(self, entry: Entry, moment: datetime) -> tuple[bool, bool]:
        flags = entry.number("userAccountControl")
        expires, ticks = entry.number("accountExpires"), (moment - _EPOCH) // timedelta(microseconds=1) * 10
        is_expired = 0 < expires < _NEVER and expires <= ticks
        # Flags that the service account may not read are 0, which no account's are.
        is_enabled = flags and not flags & _DISABLED
        return bool(is_enabled and not is_expired), not flags & _SMARTCARD

    async def set_password(self, connection: Connection, entry: Entry, password: NewPassword) -> None:
        """Set the password and end a lockout in one modification. The flag "must change" ends with it, too."""
        changes: list[messages.Change] = [("replace", "unicodePwd", [f'"{password.text}"'.encode("utf-16-le")])]
        if entry.number("lockoutTime"):
            changes.append(("replace", "lockoutTime", ["0"]))
        hints = messages.control(messages.POLICY_HINTS, messages.tlv(0x30, messages.integer(1)))
        result = await connection.ask(messages.modify(entry.dn, changes), hints, changes=True)
        if result.code == SUCCESS:
            return
        if result.code in {CONSTRAINT_VIOLATION, UNWILLING} and result.message.upper().startswith(_BROKEN_POLICY):
            raise PasswordRejected(_BROKEN)
        raise _refused(result, entry)
