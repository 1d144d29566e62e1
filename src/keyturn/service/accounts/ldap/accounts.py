"""Accounts in a directory, found by their addresses.

Their ids stay the same when an entry gets another name or place.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NoReturn
from uuid import UUID

from keyturn.errors import SettingsInvalid
from keyturn.service import addresses
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import (
    BindRefused,
    Connection,
    ConnectionBroken,
    Directory,
)
from keyturn.service.accounts.ldap.messages import Entry, Result
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.clock import now
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

_TOO_MANY, _REFERRAL, _CONSTRAINT_VIOLATION, _UNWILLING, _TOO_SLOW = 4, 10, 19, 53, {3, 11}

# OpenLDAP, and servers that know its password policy (draft-behera-ldap-password-policy-10)


_LOCKED_FOR_EVER = "000001010000Z"
_POLICY_ERROR = 0x81

_POLICY_RULES = {5: "weak", 6: "weak_length", 7: "too_young", 8: "history", 9: "too_long"}
"""The errors of the draft's section 6.2 that a new password causes, and OpenLDAP's
passwordTooLong, each with Keyturn's name of the rule.
"""


class OpenLdap:
    """A directory that sets passwords by RFC 3062 and has the overlay ppolicy, or works like it.

    `attributes`: the attributes that `state` reads.
    `where`: the values that mark an entry as an account, if the settings name none.
    `left_over`: the attributes that may still keep the owner out after a change.
    """

    id_attribute = "entryUUID"
    attributes: tuple[str, ...] = ("pwdAccountLockedTime", "nsAccountLock", "shadowExpire")
    left_over: tuple[str, ...] = ("pwdReset", "pwdAccountLockedTime")
    where: Mapping[str, str] = {"objectClass": "person"}

    def id_value(self, account_id: str) -> bytes | None:
        """Return an id as the directory stores it; None if no entry can have it."""
        return (
            account_id.encode()
            if account_id.isascii() and account_id.isprintable() and account_id
            else None
        )

    def id_text(self, value: bytes) -> str:
        return value.decode(errors="replace").lower()

    def state(self, entry: Entry, moment: datetime) -> tuple[bool, bool]:
        """Return whether the account is active, and whether it has a password that can be set."""
        # An administrator sets a lock for ever. Setting the password would end that lock, too.
        locked = entry.text("pwdAccountLockedTime")
        # Days since 1970; a negative number means never (shadow(5)).
        expires = entry.number("shadowExpire") if entry.text("shadowExpire") else -1
        is_expired = 0 <= expires <= moment.timestamp() // 86_400
        is_disabled = locked == _LOCKED_FOR_EVER or entry.text("nsAccountLock").lower() == "true"
        return not (is_disabled or is_expired), True

    def change(self, entry: Entry, password: str) -> tuple[bytes, bytes]:
        """Return the request that sets the password as an administrator (RFC 3062), and the control
        that goes with it.
        """
        value = messages.tlv(0x30, messages.octets(entry.dn, 0x80), messages.octets(password, 0x82))
        return messages.extended(messages.PASSWORD_MODIFY, value), messages.control(
            messages.PASSWORD_POLICY
        )

    def violations(self, result: Result) -> Sequence[Violation]:
        """Return the rules that a refused password breaks; none if it was refused for another
        reason.
        """
        if result.code != _CONSTRAINT_VIOLATION:
            return ()
        try:
            response = messages.elements(result.controls.get(messages.PASSWORD_POLICY, b""))[0][1]
            errors = [
                int.from_bytes(value)
                for tag, value in messages.elements(response)
                if tag == _POLICY_ERROR
            ]
        except (messages.Malformed, IndexError):
            errors = []
        return [Violation(_POLICY_RULES.get(errors[0], "weak") if errors else "weak")]


# Active Directory (MS-ADTS)


_DISABLED, _SMARTCARD = 0x2, 0x40000
_NEVER = 0x7FFFFFFFFFFFFFFF
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # Active Directory counts steps of 100 ns from here

# ERROR_PASSWORD_RESTRICTION. It does not say which of the rules a password breaks.
_BROKEN_POLICY = "0000052D"


class ActiveDirectory(OpenLdap):
    """Active Directory, or Samba as a domain controller: `unicodePwd` over TLS (MS-ADTS
    3.1.1.3.1.5).
    """

    id_attribute = "objectGUID"
    attributes = ("userAccountControl", "accountExpires", "lockoutTime")
    left_over = ()
    # People: neither machines nor trusts.
    where: Mapping[str, str] = {"sAMAccountType": "805306368"}

    def id_value(self, account_id: str) -> bytes | None:
        try:
            return UUID(account_id).bytes_le
        except ValueError:
            return None

    def id_text(self, value: bytes) -> str:
        return str(UUID(bytes_le=value)) if len(value) == 16 else value.hex()

    def state(self, entry: Entry, moment: datetime) -> tuple[bool, bool]:
        flags = entry.number("userAccountControl")
        expires, ticks = (
            entry.number("accountExpires"),
            (moment - _EPOCH) // timedelta(microseconds=1) * 10,
        )
        is_expired = 0 < expires < _NEVER and expires <= ticks
        # The flags are 0 if the service account may not read them: no account has that value.
        is_enabled = flags and not flags & _DISABLED
        return bool(is_enabled and not is_expired), not flags & _SMARTCARD

    def change(self, entry: Entry, password: str) -> tuple[bytes, bytes]:
        """Return the modification that sets the password and ends a lockout, and its control.

        Setting the password also removes the flag "must change".
        """
        changes: list[messages.Change] = [
            ("replace", "unicodePwd", [f'"{password}"'.encode("utf-16-le")])
        ]
        if entry.number("lockoutTime"):
            changes.append(("replace", "lockoutTime", ["0"]))
        hints = messages.control(messages.POLICY_HINTS, messages.tlv(0x30, messages.integer(1)))
        return messages.modify(entry.dn, changes), hints

    def violations(self, result: Result) -> Sequence[Violation]:
        if result.code in {_CONSTRAINT_VIOLATION, _UNWILLING} and result.message.upper().startswith(
            _BROKEN_POLICY
        ):
            return [Violation("weak_length"), Violation("weak_characters"), Violation("history")]
        return ()


# Entries that one address may find: Active Directory also matches letters with other accents.
_MOST_ALIKE = 5

_EMAIL, _NAME, _LOCALE = "mail", "cn", "preferredLanguage"
"""The attributes of every directory with people (RFC 4524 2.16, RFC 4519 2.3, RFC 2798 2.7)."""

_LONGEST_NAME, _LONGEST_LOCALE = 120, 20
# Seconds for the work after a change. The user waits for it, too, and must then learn that the
# password is set.
_LET_IN = 5.0

_NO_ENTRY = Entry("", {})

# The capability that only Active Directory lists (MS-ADTS 3.1.1.3.4.3.1).
_AD = "1.2.840.113556.1.4.800"


class LdapAccounts(AccountStore):
    """An AccountStore over a directory.

    A directory keeps no sessions: the apps that use it end their own.
    """

    def __init__(self, settings: LdapSettings, directory: Directory | None = None) -> None:
        self.settings = settings
        self.directory = directory or Directory(settings)
        self.dialect = dialect = (
            ActiveDirectory() if settings.kind == "active_directory" else OpenLdap()
        )
        self._where = [messages.equal(*one) for one in (settings.where or dialect.where).items()]
        self._attributes = [dialect.id_attribute, _EMAIL, _NAME, _LOCALE, *dialect.attributes]

    async def require_ready(self) -> None:
        settings = self.settings

        async def look(one: Connection) -> tuple[Entry, Entry]:
            root = await one.read("", "supportedCapabilities", "supportedExtension")
            return root, await one.read(settings.base, "1.1")

        try:
            root, base = await self.directory.work(look)
        except BindRefused as error:
            raise SettingsInvalid.of(error.setting, str(error)) from None
        if not base.dn:
            reason = f"there is no {settings.base}, or {settings.bind_dn} may not read it"
            raise SettingsInvalid.of("accounts.ldap.base", reason)
        is_ad = _AD in root.texts("supportedCapabilities")
        if is_ad != (settings.kind == "active_directory"):
            answer = "answers" if is_ad else "does not answer"
            raise SettingsInvalid.of(
                "accounts.ldap.kind", f"the server {answer} as Active Directory does"
            )
        if not is_ad and messages.PASSWORD_MODIFY not in root.texts("supportedExtension"):
            raise SettingsInvalid.of(
                "accounts.ldap.servers", "the server cannot set passwords by RFC 3062"
            )

    async def find(self, email: str) -> Account | None:
        """Return the account with the address.

        None if several active accounts have it: the order of a search must not choose one.
        """
        matching = messages.equal(_EMAIL, email)
        result = await self.directory.work(
            lambda connection: self._search(connection, matching, _MOST_ALIKE)
        )
        if result.code == _TOO_MANY:
            log.warning(LogEvent("accounts.ambiguous", accounts=f"more than {_MOST_ALIKE}"))
            return None
        # The server compares by its own rules, so its entries are compared again (CVE-2019-19844).
        is_meant = partial(addresses.is_same_mailbox, email)
        entries = [entry for entry in result.entries if any(map(is_meant, self._addresses(entry)))]
        accounts = [account for account in map(self._account, entries) if account]
        if len(accounts) > 1:  # an account that its owner has left may keep its address
            accounts = [account for account in accounts if account.active] or accounts
        if len(accounts) > 1:
            log.warning(
                LogEvent(
                    "accounts.ambiguous", accounts=" ".join(account.id for account in accounts)
                )
            )
        return accounts[0] if len(accounts) == 1 else None

    async def get(self, account_id: str) -> Account | None:
        return self._account(
            await self.directory.work(lambda connection: self._entry(connection, account_id))
        )

    async def _entry(self, connection: Connection, account_id: str) -> Entry:
        name, value = self.dialect.id_attribute, self.dialect.id_value(account_id)
        if value is None:
            return _NO_ENTRY
        entries = (await self._search(connection, messages.equal(name, value), 2)).entries
        if len(entries) > 1:
            raise AccountsUnready(f"several entries have the {name} {account_id}", not_changed=True)
        return entries[0] if entries else _NO_ENTRY

    def _account(self, entry: Entry) -> Account | None:
        """Return an entry's account; None if the entry has no address or no id.

        Mail goes to the first address that the server lists.
        """
        dialect = self.dialect
        ids, emails = entry.values.get(dialect.id_attribute.lower()), self._addresses(entry)
        if not ids or not emails:
            return None
        active, has_password = dialect.state(entry, now())
        name, locale = " ".join(entry.text(_NAME).split()), entry.text(_LOCALE)
        return Account(
            id=dialect.id_text(ids[0]),
            email=emails[0],
            name=name[:_LONGEST_NAME],
            active=active,
            has_password=has_password,
            locale=locale[:_LONGEST_LOCALE],
        )

    def _addresses(self, entry: Entry) -> list[str]:
        return [email for email in entry.texts(_EMAIL) if addresses.is_same_mailbox(email, email)]

    async def _search(self, connection: Connection, matching: bytes, most: int) -> Result:
        """Search below the base.

        References to other servers are not followed: those servers would get bind_dn's password.
        """
        # Less than the client's own limit, so that the server's answer arrives before it.
        seconds = max(1, int(self.directory.patience) - 1)
        wanted = messages.every(*self._where, matching)
        operation = messages.search(
            self.settings.base, wanted, self._attributes, most=most, seconds=seconds
        )
        result = await connection.ask(operation)
        # The next server is not asked: it has the same indexes, and this server does answer.
        if result.code in _TOO_SLOW:
            reason = f"the directory stops a search, for want of an index perhaps: {result}"
            raise AccountsUnready(reason, not_changed=True)
        if result.code not in {messages.SUCCESS, _TOO_MANY}:
            raise ConnectionBroken(f"it refuses a search: {result}")
        return result

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set the password, over the connection that has just read the account as active and with
        that address.
        """

        async def change(connection: Connection) -> str:
            entry = await self._entry(connection, account.id)
            known = self._account(entry)
            if not known or not known.still_takes_password_of(account):
                return ""
            result = await connection.ask(*self.dialect.change(entry, password.text), changes=True)
            if result.code != messages.SUCCESS:
                self._refuse(result, entry.dn)
            return entry.dn

        dn = await self.directory.work(change)
        try:
            if dn and self.dialect.left_over:
                async with asyncio.timeout(_LET_IN):
                    await self.directory.work(partial(self.let_in, dn=dn))
        except (AccountsUnready, TimeoutError) as error:  # the password is already changed
            log.warning(
                LogEvent(
                    "accounts.not_let_in",
                    dn=dn,
                    reason=str(error) or f"no answer within {_LET_IN:g} s",
                )
            )
        return bool(dn)

    def _refuse(self, result: Result, dn: str) -> NoReturn:
        """Raise the error for a refused change.

        Raises PasswordRejected if the password breaks rules, ConnectionBroken if this server is
        read-only, and AccountsUnready for a reason that the operator must fix.
        """
        if violations := self.dialect.violations(result):
            raise PasswordRejected(violations)
        # The referred server is not asked: it would get bind_dn's password. The next server of the
        # settings is.
        if result.code == _REFERRAL:
            raise ConnectionBroken("it cannot be written, and refers to another server")
        log.error(
            LogEvent("accounts.change_refused", dn=dn, code=result.code, reason=result.message)
        )
        reason = f"the directory refuses to set a password: {result}"
        raise AccountsUnready(reason, not_changed=result.code in messages.CERTAIN_NO)

    async def let_in(self, connection: Connection, dn: str) -> None:
        """Remove what still keeps the owner out after a change: the flag "must change", and a lock.

        Each value is deleted as it was read, so a newer one stays. A lock for ever stays, too: an
        administrator set it.
        """
        entry = await connection.read(dn, *self.dialect.left_over)
        left = {
            name: each
            for name, each in entry.values.items()
            if each and _LOCKED_FOR_EVER.encode() not in each
        }
        if left:
            result = await connection.ask(
                messages.modify(dn, [("delete", name, each) for name, each in left.items()])
            )
            if result.code != messages.SUCCESS:
                log.warning(
                    LogEvent("accounts.not_let_in", dn=dn, attributes=list(left), reason=result)
                )

    async def close(self) -> None:
        self.directory.close()
