"""Accounts in a directory, found by their addresses and named by ids that survive a new name or place of an entry."""

import asyncio
import os
from bisect import bisect_right
from collections.abc import Sequence

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service import addresses
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import SUCCESS, Connection, ConnectionBroken
from keyturn.service.accounts.ldap.dialects import DIALECTS
from keyturn.service.accounts.ldap.directory import CONNECTIONS, BindRefused, Directory
from keyturn.service.accounts.ldap.messages import Entry, Result
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.clock import now
from keyturn.service.problems.requests import AccountsUnready, InputInvalid
from keyturn.service.settings import LdapSettings
from keyturn.service.telemetry.logs import LogEvent, log

_TOO_MANY, _TOO_SLOW = 4, {3, 11}
_TOGETHER = 20
"""Addresses in one search."""

_MOST_ALIKE = 5
"""Entries that one address may find: Active Directory also matches letters with other accents."""

_LONGEST_NAME, _LONGEST_LOCALE = 120, 20
_PAGE = 500
_LISTING = 300.0
"""Seconds for a list of all accounts, which an operator asks for."""

_LET_IN = 5.0
"""Seconds for what follows a change: whoever waits for both must hear that the password is set."""

_AD = "1.2.840.113556.1.4.800"
"""The capability by which Active Directory shows itself (MS-ADTS 3.1.1.3.4.3.1)."""


class LdapAccounts(AccountStore):
    """An AccountStore over a directory. A directory keeps no sessions: apps that ask it end theirs themselves."""

    def __init__(self, settings: LdapSettings, connections: int = CONNECTIONS) -> None:
        """Make the store. `connections`: at most, to one server.

        Raises SettingsInvalid if the certificates cannot be read.
        """
        self.settings = settings
        self.directory = Directory(settings, connections)
        self.dialect = dialect = DIALECTS[settings.kind]
        where = settings.where or dialect.where
        self._where = [messages.equal(attribute, value) for attribute, value in where.items()]
        named = (settings.id or dialect.id_attribute, settings.email, settings.aliases, settings.name, settings.locale)
        self._attributes = [*filter(None, (*named, settings.phone)), *dialect.attributes]
        self._listing: list[str] = []

    async def require_ready(self) -> None:
        settings = self.settings
        try:
            root = await self.directory.work(lambda one: one.read("", "supportedCapabilities", "supportedExtension"))
            base = await self.directory.work(lambda one: one.read(settings.base, "1.1"))
        except BindRefused as error:
            raise SettingsInvalid([Fault(error.setting, str(error))]) from None
        if not base.dn:
            reason = f"there is no {settings.base}, or {settings.bind_dn} may not read it"
            raise SettingsInvalid([Fault("accounts.ldap.base", reason)])
        is_ad = _AD in root.texts("supportedCapabilities")
        if is_ad != (settings.kind == "active_directory"):
            answer = "answers" if is_ad else "does not answer"
            raise SettingsInvalid([Fault("accounts.ldap.kind", f"the server {answer} as Active Directory does")])
        if not is_ad and messages.PASSWORD_MODIFY not in root.texts("supportedExtension"):
            raise SettingsInvalid([Fault("accounts.ldap.servers", "the server cannot set passwords by RFC 3062")])

    async def find(self, email: str) -> Account | None:
        """Return the account. If several active ones have the address, return none, and log their ids.

        Choosing one of them would let the order of a search decide whose password changes.
        """
        (found,) = await self.find_all([email])
        return found

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | None]:
        found: list[Account | None] = []
        for start in range(0, len(emails), _TOGETHER):
            found += await self._find_some(emails[start : start + _TOGETHER])
        return found

    async def _find_some(self, emails: Sequence[str]) -> Sequence[Account | None]:
        settings = self.settings
        wanted = [messages.equal(settings.email, email) for email in emails]
        if settings.aliases:
            wanted += [messages.equal(settings.aliases, f"smtp:{email}") for email in emails]
        matching, most = messages.either(wanted), _MOST_ALIKE * len(emails)
        found = await self.directory.work(lambda connection: self._search(connection, matching, most))
        if found.code == _TOO_MANY and len(emails) > 1:
            return [await self.find(email) for email in emails]
        if found.code == _TOO_MANY:
            log.warning(LogEvent("accounts.ambiguous", accounts=f"more than {most}"))
            return [None]
        return [self._only(found.entries, email) for email in emails]

    def _only(self, entries: Sequence[Entry], email: str) -> Account | None:
        # The server compares by its own rules, so its answer is compared again (CVE-2019-19844).
        accounts = [
            account
            for entry in entries
            if any(addresses.is_same_mailbox(one, email) for one in self._addresses(entry))
            and (account := self._account(entry))
        ]
        if len(accounts) > 1:  # one that was left may keep its address
            accounts = [account for account in accounts if account.active] or accounts
        if len(accounts) > 1:
            log.warning(LogEvent("accounts.ambiguous", accounts=" ".join(account.id for account in accounts)))
        return accounts[0] if len(accounts) == 1 else None

    async def get(self, account_id: str) -> Account | None:
        return self._account(await self._read(account_id))

    async def _read(self, account_id: str) -> Entry | None:
        return await self.directory.work(lambda connection: self._entry(connection, account_id))

    async def _entry(self, connection: Connection, account_id: str) -> Entry | None:
        value = self.dialect.id_value(account_id)
        if value is None:
            return None
        name = self.settings.id or self.dialect.id_attribute
        entries = (await self._search(connection, messages.equal(name, value), 2)).entries
        if len(entries) > 1:
            raise AccountsUnready(f"several entries have the {name} {account_id}", not_changed=True)
        return entries[0] if entries else None

    def _account(self, entry: Entry | None) -> Account | None:
        """Return an entry's account; None without an address or an id.

        Mail goes to the first address: an attribute's values have no order, but servers keep that of their writing.
        """
        settings, dialect = self.settings, self.dialect
        ids = entry.values.get((settings.id or dialect.id_attribute).lower()) if entry else None
        email = next(iter(self._addresses(entry)), "") if entry else ""
        if not entry or not ids or not email:
            return None
        active, has_password = dialect.state(entry, now())
        name, locale = " ".join(entry.text(settings.name).split()), entry.text(settings.locale)
        return Account(
            id=dialect.id_text(ids[0]),
            email=email,
            name=name[:_LONGEST_NAME],
            active=active,
            has_password=has_password,
            locale=locale[:_LONGEST_LOCALE],
        )

    def _addresses(self, entry: Entry) -> list[str]:
        """Return an entry's addresses, the one for mails first. Exchange writes that one with SMTP in capitals."""
        aliases = sorted(one for one in entry.texts(self.settings.aliases) if one.lower().startswith("smtp:"))
        written = [*entry.texts(self.settings.email), *(one[len("smtp:") :] for one in aliases)]
        return [email for email in written if _is_address(email)]

    async def _search(self, connection: Connection, matching: bytes, most: int, *controls: bytes) -> Result:
        """Search below the base. References to other servers are not followed: they would get bind_dn's password."""
        seconds = max(1, int(self.settings.timeout.total_seconds()) - 1)  # less, so its answer comes before the end
        wanted = messages.every([*self._where, matching])
        operation = messages.search(self.settings.base, wanted, self._attributes, most=most, seconds=seconds)
        found = await connection.ask(operation, *controls)
        if found.code in _TOO_SLOW:  # another server has no other index, and this one is there
            said = f"the directory stops a search, for want of an index perhaps: {found}"
            raise AccountsUnready(said, not_changed=True)
        if found.code not in {SUCCESS, _TOO_MANY}:
            raise ConnectionBroken(f"it refuses a search: {found}")
        return found

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set it, over the connection that has just read the account as active and with that address."""

        async def change(connection: Connection) -> str:
            entry = await self._entry(connection, account.id)
            known = self._account(entry)
            if not entry or not known or not (known.active and known.has_password):
                return ""
            if not addresses.is_same_mailbox(known.email, account.email):
                return ""
            await self.dialect.set_password(connection, entry, password)
            return entry.dn

        dn = await self.directory.work(change)
        try:
            if dn:
                async with asyncio.timeout(_LET_IN):
                    await self.directory.work(lambda connection: self.dialect.let_in(connection, dn))
        except (AccountsUnready, TimeoutError) as error:  # the password is already changed
            log.warning(LogEvent("accounts.not_let_in", dn=dn, reason=str(error) or f"no answer within {_LET_IN:g} s"))
        return bool(dn)

    async def check_password(self, account_id: str, password: str) -> bool:
        """Bind as the account. For no account, bind as an entry that does not exist, after a search as well.

        Servers answer that bind sooner, since they compute no hash. Active Directory also takes the previous password
        for an hour, so a change proves the current one again (`NewPassword.current`).
        """
        settings, dialect = self.settings, self.dialect
        no_id, no_dn = "00000000-0000-4000-8000-000000000000", f"cn={os.urandom(8).hex()},{settings.base}"
        entry = await self._read(account_id or no_id)
        if not password:  # it would succeed as an anonymous bind (RFC 4513 5.1.2)
            return False
        dn = entry.dn if entry else no_dn
        result = await self.directory.work(lambda one: one.bind(dn, password), anonymous=True)
        accepted = dialect.accepts(result)
        if accepted is None:
            raise AccountsUnready(f"the directory does not check a password: {result}")
        return accepted and entry is not None

    async def phone(self, account_id: str) -> str:
        """Return the first phone number, as it is written; "" without one."""
        entry = await self._read(account_id)
        return entry.text(self.settings.phone) if entry else ""

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        """Return a part of a list that is read once: a directory finds no entries that come after another."""
        if not email or not self._listing:
            listed = await self.directory.work(self._list, seconds=_LISTING)
            self._listing = sorted(listed, key=addresses.normalize)
        start = bisect_right(self._listing, addresses.normalize(email), key=addresses.normalize) if email else 0
        found = self._listing[start : start + most]
        self._listing = self._listing if found else []
        return found

    async def _list(self, connection: Connection) -> set[str]:
        """Read all accounts page by page (RFC 2696)."""
        listed, cookie = set[str](), b""
        while True:
            value = messages.tlv(0x30, messages.integer(_PAGE), messages.octets(cookie))
            found = await self._search(connection, messages.ANY, 0, messages.control(messages.PAGED_RESULTS, value))
            if found.code == _TOO_MANY:
                said = "raise the limit of the service account's searches, or put the addresses into a file"
                raise AccountsUnready(f"the directory lists only a part of the accounts: {said}", not_changed=True)
            accounts = [self._account(entry) for entry in found.entries]
            listed |= {account.email for account in accounts if account and account.active}
            cookie = _cookie(found)
            if not cookie:
                return listed

    async def close(self) -> None:
        await self.directory.close()


def _cookie(result: Result) -> bytes:
    """Return what asks for the next page; b"" after the last."""
    value = result.controls.get(messages.PAGED_RESULTS)
    parts = messages.elements(messages.elements(value)[0][1]) if value else []
    return parts[-1][1] if parts else b""


def _is_address(text: str) -> bool:
    try:
        addresses.parse(text)
    except InputInvalid:
        return False
    return True
