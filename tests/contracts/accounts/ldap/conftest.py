from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.contracts.accounts.ldap.people import DomainStaff, OpenLdapStaff
from tests.servers.directories import DirectoryServer


@pytest.fixture
async def school(slapd: DirectoryServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenLdapStaff]:
    monkeypatch.setenv("SSL_CERT_FILE", str(slapd.root))
    async with aclosing(OpenLdapStaff(slapd)) as school:
        yield school


@pytest.fixture
async def domain(samba: DirectoryServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DomainStaff]:
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
