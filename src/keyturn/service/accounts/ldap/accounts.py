"""Accounts in a directory, found by their addresses and named by ids that survive a new name or place of an entry."""

import asyncio
from functools import partial

from keyturn.errors import SettingsInvalid
from keyturn.service import addresses
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import SUCCESS, Connection, ConnectionBroken
from keyturn.service.accounts.ldap.dialects import ActiveDirectory, OpenLdap
from keyturn.service.accounts.ldap.directory import CONNECTIONS, PATIENCE, BindRefused, Directory
from keyturn.service.accounts.ldap.messages import Entry, Result
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.clock import now
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

_TOO_MANY, _TOO_SLOW = 4, {3, 11}
_MOST_ALIKE = 5
"""Entries that one address may find: Active Directory also matches letters with other accents."""

_EMAIL, _NAME, _LOCALE = "mail", "cn", "preferredLanguage"
"""The attributes of every directory with people (RFC 4524 2.16, RFC 4519 2.3, RFC 2798 2.7)."""

_LONGEST_NAME, _LONGEST_LOCALE = 120, 20
_LET_IN = 5.0
"""Seconds for what follows a change: whoever waits for both must hear that the password is set."""

_NO_ENTRY = Entry("", {})

_AD = "1.2.840.113556.1.4.800"
"""The capability by which Active Directory shows itself (MS-ADTS 3.1.1.3.4.3.1)."""


class LdapAccounts(AccountStore):
    """An AccountStore over a directory. A directory keeps no sessions: apps that ask it end theirs themselves."""

    def __init__(self, settings: LdapSettings, connections: int = CONNECTIONS, patience: float = PATIENCE) -> None:
        """Keep at most `connections` to one server. Raises SettingsInvalid if the certificates cannot be read."""
        self.settings = settings
        self.directory = Directory(settings, connections, patience)
        self.dialect = dialect = ActiveDirectory() if settings.kind == "active_directory" else OpenLdap()
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
            raise SettingsInvalid.of("accounts.ldap.kind", f"the server {answer} as Active Directory does")
        if not is_ad and messages.PASSWORD_MODIFY not in root.texts("supportedExtension"):
            raise SettingsInvalid.of("accounts.ldap.servers", "the server cannot set passwords by RFC 3062")

    async def find(self, email: str) -> Account | None:
        """Return the account. If several active ones have the address, return none, and log their ids.

        Choosing one of them would let the order of a search decide whose password changes.
        """
        matching = messages.equal(_EMAIL, email)
        result = await self.directory.work(lambda connection: self._search(connection, matching, _MOST_ALIKE))
        if result.code == _TOO_MANY:
            log.warning(LogEvent("accounts.ambiguous", accounts=f"more than {_MOST_ALIKE}"))
            return None
        # The server compares by its own rules, so its answer is compared again (CVE-2019-19844).
        is_meant = partial(addresses.is_same_mailbox, email)
        entries = [entry for entry in result.entries if any(map(is_meant, self._addresses(entry)))]
        accounts = [account for account in map(self._account, entries) if account]
        if len(accounts) > 1:  # one that was left may keep its address
            accounts = [account for account in accounts if account.active] or accounts
        if len(accounts) > 1:
            log.warning(LogEvent("accounts.ambiguous", accounts=" ".join(account.id for account in accounts)))
        return accounts[0] if len(accounts) == 1 else None

    async def get(self, account_id: str) -> Account | None:
        return self._account(await self.directory.work(lambda connection: self._entry(connection, account_id)))

    async def _entry(self, connection: Connection, account_id: str) -> Entry:
        """Return the entry of an account; one without a name if there is none."""
        name, value = self.dialect.id_attribute, self.dialect.id_value(account_id)
        if value is None:
            return _NO_ENTRY
        entries = (await self._search(connection, messages.equal(name, value), 2)).entries
        if len(entries) > 1:
            raise AccountsUnready(f"several entries have the {name} {account_id}", not_changed=True)
        return entries[0] if entries else _NO_ENTRY

    def _account(self, entry: Entry) -> Account | None:
        """Return an entry's account; None without an address or an id.

        Mail goes to the first address: an attribute's values have no order, but servers keep that of their writing.
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
        """Search below the base. References to other servers are not followed: they would get bind_dn's password."""
        seconds = max(1, int(self.directory.patience) - 1)  # less, so its answer comes before the end
        wanted = messages.every(*self._where, matching)
        operation = messages.search(self.settings.base, wanted, self._attributes, most=most, seconds=seconds)
        result = await connection.ask(operation)
        if result.code in _TOO_SLOW:  # another server has no other index, and this one is there
            reason = f"the directory stops a search, for want of an index perhaps: {result}"
            raise AccountsUnready(reason, not_changed=True)
        if result.code not in {SUCCESS, _TOO_MANY}:
            raise ConnectionBroken(f"it refuses a search: {result}")
        return result

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set it, over the connection that has just read the account as active and with that address."""

        async def change(connection: Connection) -> str:
            entry = await self._entry(connection, account.id)
            known = self._account(entry)
            if not known or not known.still_takes_password_of(account):
                return ""
            await self.dialect.set_password(connection, entry, password)
            return entry.dn

        dn = await self.directory.work(change)
        try:
            if dn and self.dialect.left_over:
                async with asyncio.timeout(_LET_IN):
                    await self.directory.work(lambda connection: self.dialect.let_in(connection, dn))
        except (AccountsUnready, TimeoutError) as error:  # the password is already changed
            log.warning(LogEvent("accounts.not_let_in", dn=dn, reason=str(error) or f"no answer within {_LET_IN:g} s"))
        return bool(dn)

    async def close(self) -> None:
        self.directory.close()
