"""The accounts of a directory, seen from behind it: each test has a part of the tree for itself."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.servers.directories import SERVICE_PASSWORD, DirectoryServer

from keyturn.service.accounts.ldap.store import LdapAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.settings import LdapSettings, SecretStr

_NUMBERS = count()

FIRST, SECOND, THIRD = "seven quiet harbours", "eleven loud lighthouses", "Three-Green-Ferries-9"


class Staff:
    """People below one entry, which is `base`.

    `settings`: those of a store of theirs. `access`: which it needs.

    `states`: the attributes of an account that is active, and of one that is not.

    `aclose` closes all the stores that it has given.
    """

    states: Mapping[bool, Mapping[str, Any]]

    def __init__(self, server: DirectoryServer, **access: Any) -> None:
        self.server = server
        self.base = f"ou=school{next(_NUMBERS)},{server.suffix}"
        server.add(
            self.base, {"objectClass": "organizationalUnit", "ou": self.base.partition(",")[0][3:]}
        )
        self.settings = LdapSettings(servers=(server.url,), base=self.base, **access)
        self.dns: dict[str, str] = {}
        self._names = count()
        self._stores: list[LdapAccounts] = []

    def store(self, **changes: Any) -> LdapAccounts:
        self._stores.append(LdapAccounts(msgspec.structs.replace(self.settings, **changes)))
        return self._stores[-1]

    async def aclose(self) -> None:
        for store in self._stores:
            await store.close()

    def new_dn(self, rdn: str) -> str:
        # A name with each character that RFC 4514 escapes: nothing may depend on how it is written.
        return f'{rdn}=P\\, \\"x\\" \\+ \\;\\<\\>\\\\ \\23{next(self._names)},{self.base}'

    add_now: Callable[..., str]

    async def add(self, email: str, password: str, *, active: bool = True, **values: Any) -> str:
        return await asyncio.to_thread(self.add_now, email, password, active=active, **values)

    async def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None:
        state = {} if active is None else self.states[active]
        await self.set(account_id, **state, **({} if email is None else {"mail": email}))

    async def verifies(self, account_id: str, password: str) -> bool:
        return await asyncio.to_thread(self.server.binds, self.dns[account_id], password)

    async def set(self, account_id: str, **values: Any) -> None:
        await asyncio.to_thread(self.server.replace, self.dns[account_id], values)

    async def read(self, account_id: str, *names: str) -> dict[str, str]:
        return await asyncio.to_thread(self.server.attributes, self.dns[account_id], *names)


class OpenLdapStaff(Staff):
    """People with the objectClass inetOrgPerson.

    An inactive one is locked for ever by the password policy.
    """

    states = {True: {"pwdAccountLockedTime": []}, False: {"pwdAccountLockedTime": "000001010000Z"}}

    def __init__(self, server: DirectoryServer) -> None:
        super().__init__(
            server, bind_dn=f"cn=keyturn,{server.suffix}", bind_password=SecretStr(SERVICE_PASSWORD)
        )

    def add_now(self, email: str, password: str, *, active: bool = True, **values: Any) -> str:
        dn = self.new_dn("cn")
        uid = email.partition("@")[0].encode()
        entry: dict[str, Any] = {
            "objectClass": ["inetOrgPerson", "shadowAccount"],
            "sn": "P",
            "uid": uid,
        }
        self.server.add(dn, {**entry, "mail": email, "userPassword": password, **values})
        if not active:
            self.server.replace(dn, self.states[active])
        self.dns[account_id := self.server.attributes(dn, "entryUUID")["entryUUID"]] = dn
        return account_id


class DomainStaff(Staff):
    states = {True: {"userAccountControl": "512"}, False: {"userAccountControl": "514"}}

    def __init__(self, server: DirectoryServer) -> None:
        account = {"bind_dn": server.admin, "bind_password": SecretStr(server.password)}
        super().__init__(server, kind="active_directory", **account)

    def add_now(self, email: str, password: str, *, active: bool = True, **values: Any) -> str:
        dn = self.new_dn("cn")
        entry = {
            "objectClass": "user",
            "sAMAccountName": f"{self.base[3:].partition(',')[0]}-{next(self._names)}",
        }
        flags = {**self.states[active], "unicodePwd": quoted(password)}
        self.server.add(dn, {**entry, "mail": email, **flags, **values})
        # The program writes the id in base64, after a second colon.
        guid = UUID(
            bytes_le=base64.b64decode(self.server.attributes(dn, "objectGUID")["objectGUID:"])
        )
        self.dns[str(guid)] = dn
        return str(guid)


async def of(store: LdapAccounts, account_id: str) -> Account:
    account = await store.get(account_id)
    assert account is not None
    return account


def quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


@pytest.fixture
async def school(
    slapd: DirectoryServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenLdapStaff]:
    monkeypatch.setenv("SSL_CERT_FILE", str(slapd.root))
    async with aclosing(OpenLdapStaff(slapd)) as school:
        yield school


@pytest.fixture
async def domain(
    samba: DirectoryServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DomainStaff]:
    monkeypatch.setenv("SSL_CERT_FILE", str(samba.root))
    async with aclosing(DomainStaff(samba)) as domain:
        yield domain


@pytest.fixture
def rules(domain: DomainStaff) -> Iterator[Any]:
    """Return a function that sets rules of the domain; they are off again after the test."""
    names = ("pwdProperties", "minPwdLength", "pwdHistoryLength", "lockoutThreshold", "minPwdAge")
    server = domain.server
    yield lambda **rules: server.replace(server.suffix, rules)
    server.replace(server.suffix, dict.fromkeys(names, "0"))
