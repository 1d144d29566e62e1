"""The store of accounts in a directory, which are found by their addresses.

Their ids stay the same when an entry gets another name or place.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from keyturn.errors import SettingsInvalid
from keyturn.service import identifiers
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import Connection, ConnectionBroken
from keyturn.service.accounts.ldap.directory import BindRefused, Directory
from keyturn.service.accounts.ldap.kinds import ActiveDirectory, DirectoryKind, OpenLdap
from keyturn.service.accounts.ldap.messages import NO_ENTRY, Entry, Result, ResultCode
from keyturn.service.accounts.port import Account, AccountStore, NewPassword, one_line
from keyturn.service.clock import now
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

_TOO_SLOW = {ResultCode.TIME_LIMIT_EXCEEDED, ResultCode.ADMIN_LIMIT_EXCEEDED}

# Entries that one address may find: Active Directory also matches letters with other accents.
_MOST_ALIKE = 5

# The attributes of every directory with people
_EMAIL = "mail"  # RFC 4524 2.16
_NAME = "cn"  # RFC 4519 2.3
_LOCALE = "preferredLanguage"  # RFC 2798 2.7

_LONGEST_LOCALE = 20

_PATIENCE_TO_LET_IN = 5.0
"""Seconds for the work after a change. The user waits for it, too, and must then learn that the
password is set.
"""

# The capability that only Active Directory lists (MS-ADTS 3.1.1.3.4.3.1).
_ACTIVE_DIRECTORY_CAPABILITY = "1.2.840.113556.1.4.800"


class LdapAccounts(AccountStore):
    """An AccountStore over a directory.

    A directory keeps no sessions: the apps that use it end their own.
    """

    def __init__(self, settings: LdapSettings, directory: Directory | None = None) -> None:
        self._settings = settings
        self.directory = directory or Directory(settings)
        self._kind: DirectoryKind = OpenLdap()
        if settings.kind == "active_directory":
            self._kind = ActiveDirectory()
        where = settings.where or self._kind.where
        self._where = [messages.equal(attribute, value) for attribute, value in where.items()]
        self._attributes = [
            self._kind.id_attribute,
            _EMAIL,
            _NAME,
            _LOCALE,
            *self._kind.attributes,
        ]

    async def require_ready(self) -> None:
        settings = self._settings

        async def look(connection: Connection) -> tuple[Entry, Entry]:
            root = await connection.read("", "supportedCapabilities", "supportedExtension")
            base = await connection.read(settings.base, "1.1")
            return root, base

        try:
            root, base = await self.directory.work(look)
        except BindRefused as error:
            raise SettingsInvalid.of(error.setting, str(error)) from None
        if not base.dn:
            reason = f"there is no {settings.base}, or {settings.bind_dn} may not read it"
            raise SettingsInvalid.of("accounts.ldap.base", reason)
        is_active_directory = _ACTIVE_DIRECTORY_CAPABILITY in root.texts("supportedCapabilities")
        if is_active_directory != (settings.kind == "active_directory"):
            answer = "answers" if is_active_directory else "does not answer"
            reason = f"the server {answer} as Active Directory does"
            raise SettingsInvalid.of("accounts.ldap.kind", reason)
        sets_passwords = messages.PASSWORD_MODIFY in root.texts("supportedExtension")
        if not is_active_directory and not sets_passwords:
            reason = "the server cannot set passwords by RFC 3062"
            raise SettingsInvalid.of("accounts.ldap.servers", reason)

    async def find(self, email: str) -> Account | None:
        """Return the account with the address.

        None if several active accounts have it: the order of a search must not choose one.
        """
        search = partial(self._search, matching=messages.equal(_EMAIL, email), most=_MOST_ALIKE)
        result = await self.directory.work(search)
        if result.code == ResultCode.SIZE_LIMIT_EXCEEDED:
            log.warning(LogEvent("accounts.ambiguous", accounts=f"more than {_MOST_ALIKE}"))
            return None
        accounts = self._accounts_with(email, result.entries)
        if len(accounts) > 1:  # an account that its owner has left may keep its address
            accounts = [account for account in accounts if account.active] or accounts
        if len(accounts) > 1:
            ids = " ".join(account.id for account in accounts)
            log.warning(LogEvent("accounts.ambiguous", accounts=ids))
            return None
        return accounts[0] if accounts else None

    def _accounts_with(self, email: str, entries: Sequence[Entry]) -> list[Account]:
        """Return the accounts of the entries that have the address.

        The server compares by its own rules, so its entries are compared again (CVE-2019-19844).
        """
        accounts = []
        for entry in entries:
            if any(identifiers.is_same_mailbox(email, stored) for stored in _addresses(entry)):
                account = self._account(entry)
                if account:
                    accounts.append(account)
        return accounts

    async def get(self, account_id: str) -> Account | None:
        entry = await self.directory.work(partial(self._entry, account_id=account_id))
        return self._account(entry)

    async def _entry(self, connection: Connection, account_id: str) -> Entry:
        attribute = self._kind.id_attribute
        value = self._kind.id_value(account_id)
        if value is None:
            return NO_ENTRY
        result = await self._search(connection, messages.equal(attribute, value), 2)
        if len(result.entries) > 1:
            reason = f"several entries have the {attribute} {account_id}"
            raise AccountsUnready(reason, not_changed=True)
        return result.entries[0] if result.entries else NO_ENTRY

    def _account(self, entry: Entry) -> Account | None:
        """Return an entry's account; None if the entry has no address or no id.

        Mail goes to the first address that the server lists.
        """
        ids = entry.values.get(self._kind.id_attribute.lower())
        emails = _addresses(entry)
        if not ids or not emails:
            return None
        state = self._kind.state(entry, now())
        return Account(
            id=self._kind.id_text(ids[0]),
            email=emails[0],
            name=one_line(entry.text(_NAME)),
            active=state.is_active,
            has_password=state.has_password,
            locale=entry.text(_LOCALE)[:_LONGEST_LOCALE],
        )

    async def _search(self, connection: Connection, matching: bytes, most: int) -> Result:
        """Search below the base.

        References to other servers are not followed: those servers would get bind_dn's password.
        """
        # Less than the client's own limit, so that the server's answer arrives before it.
        seconds = max(1, int(self.directory.patience) - 1)
        wanted = messages.every(*self._where, matching)
        operation = messages.search(
            self._settings.base, wanted, self._attributes, most=most, seconds=seconds
        )
        result = await connection.ask(operation)
        # The next server is not asked: it has the same indexes, and this server does answer.
        if result.code in _TOO_SLOW:
            reason = f"the directory stops a search, for want of an index perhaps: {result}"
            raise AccountsUnready(reason, not_changed=True)
        if result.code not in {ResultCode.SUCCESS, ResultCode.SIZE_LIMIT_EXCEEDED}:
            raise ConnectionBroken(f"it refuses a search: {result}")
        return result

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set the password, over the connection that has just read the account as active and with
        that address.
        """

        async def change(connection: Connection) -> str:
            entry = await self._entry(connection, account.id)
            known = self._account(entry)
            if not known or not known.may_still_change_password_of(account):
                return ""
            request = self._kind.password_request(entry, password.text)
            result = await connection.ask(request.operation, request.control, changes=True)
            if result.code != ResultCode.SUCCESS:
                self._refuse(result, entry.dn)
            return entry.dn

        dn = await self.directory.work(change)
        if dn and self._kind.left_over:
            await self._try_to_let_in(dn)
        return bool(dn)

    async def _try_to_let_in(self, dn: str) -> None:
        """Let the owner in, or log why not: the password is already changed."""
        try:
            async with asyncio.timeout(_PATIENCE_TO_LET_IN):
                await self.directory.work(partial(self.let_in, dn=dn))
        except (AccountsUnready, TimeoutError) as error:
            reason = str(error) or f"no answer within {_PATIENCE_TO_LET_IN:g} s"
            log.warning(LogEvent("accounts.not_let_in", dn=dn, reason=reason))

    def _refuse(self, result: Result, dn: str) -> NoReturn:
        """Raise the error for a refused change.

        Raises PasswordRejected if the password breaks rules, ConnectionBroken if this server is
        read-only, and AccountsUnready for a reason that the operator must fix.
        """
        violations = self._kind.violations(result)
        if violations:
            raise PasswordRejected(violations)
        # The referred server is not asked: it would get bind_dn's password. The next server of the
        # settings is.
        if result.code == ResultCode.REFERRAL:
            raise ConnectionBroken("it cannot be written, and refers to another server")
        log.error(
            LogEvent("accounts.change_refused", dn=dn, code=result.code, reason=result.message)
        )
        reason = f"the directory refuses to set a password: {result}"
        raise AccountsUnready(reason, not_changed=result.code in messages.CERTAIN_NO)

    async def let_in(self, connection: Connection, dn: str) -> None:
        """Remove what keeps the owner out after a change: the flag "must change", or a lock."""
        entry = await connection.read(dn, *self._kind.left_over)
        deletions = self._kind.deletions(entry)
        if not deletions:
            return
        result = await connection.ask(messages.modify(dn, deletions))
        if result.code != ResultCode.SUCCESS:
            names = [deletion.attribute for deletion in deletions]
            log.warning(LogEvent("accounts.not_let_in", dn=dn, attributes=names, reason=result))

    async def close(self) -> None:
        self.directory.close()


def _addresses(entry: Entry) -> list[str]:
    return [email for email in entry.texts(_EMAIL) if identifiers.is_same_mailbox(email, email)]
