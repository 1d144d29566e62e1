"""Samba as a domain controller of Active Directory, and the files of docs/ldap
on it and on slapd.
"""

import asyncio
import re
import struct
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.accounts.ldap.conftest import (
    FIRST,
    SECOND,
    THIRD,
    DomainStaff,
    OpenLdapStaff,
    Staff,
    of,
    quoted,
)
from tests.contracts.accounts.stores import new_password
from tests.programs import require_program
from tests.servers.directories import running_slapd

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.ldap.store import LdapAccounts
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.settings import SecretStr
from keyturn.testing import AccountStoreContract

pytestmark = pytest.mark.long  # it takes a domain controller six seconds to be there

ADA = "ada@northwind.test"


@pytest.fixture
def store(domain: DomainStaff) -> LdapAccounts:
    return domain.store()


@pytest.mark.parametrize(
    ("rule", "password"),
    [({"minPwdLength": "12"}, "short"), ({"pwdProperties": "1"}, "seven quiet ferries")],
    ids=["short", "simple"],
)
async def test_what_the_domain_refuses_is_a_rule_in_words(
    domain: DomainStaff, store: LdapAccounts, rules: Any, rule: dict[str, str], password: str
) -> None:
    ada = await domain.add(ADA, FIRST)
    account = await of(store, ada)
    await asyncio.to_thread(rules, **rule)

    with pytest.raises(PasswordRejected) as rejected:
        await store.set_password(account, new_password(password))

    assert [one.rule for one in rejected.value.violations] == [
        "weak_length",
        "weak_characters",
        "history",
    ]
    assert await domain.verifies(ada, FIRST)
    assert await store.set_password(account, new_password(THIRD))


async def test_the_flag_for_another_password_ends_with_the_owners_own(
    domain: DomainStaff, store: LdapAccounts
) -> None:
    ada = await domain.add(ADA, FIRST)
    await domain.set(ada, pwdLastSet="0")
    assert not await domain.verifies(ada, FIRST)
    assert await store.set_password(await of(store, ada), new_password(SECOND))

    assert await domain.verifies(ada, SECOND)


@pytest.mark.parametrize(
    ("state", "active", "has_password"),
    [
        ({"accountExpires": "133000000000000000"}, False, True),
        ({"accountExpires": "9223372036854775807"}, True, True),
        ({"userAccountControl": "514"}, False, True),
        ({"userAccountControl": str(512 | 0x40000)}, True, False),
    ],
    ids=["expired", "never expires", "disabled", "smart card"],
)
async def test_the_state_of_an_account_is_read(
    domain: DomainStaff,
    store: LdapAccounts,
    state: dict[str, str],
    active: bool,
    has_password: bool,
) -> None:
    ada = await domain.add(ADA, FIRST)
    before = await of(store, ada)
    await domain.set(ada, **state)

    account = await of(store, ada)
    assert (account.active, account.has_password) == (active, has_password)
    assert await store.set_password(before, new_password(SECOND)) is (active and has_password)


async def test_machines_are_no_accounts_and_a_controller_is_recognised_under_the_wrong_kind(
    domain: DomainStaff, store: LdapAccounts
) -> None:
    machine = {
        "objectClass": "computer",
        "sAMAccountName": "LAB1$",
        "userAccountControl": "4096",
        "mail": ADA,
    }
    await asyncio.to_thread(domain.server.add, f"cn=lab1,{domain.base}", machine)

    assert await store.find(ADA) is None
    with pytest.raises(SettingsInvalid, match="the server answers as Active Directory does"):
        await domain.store(kind="openldap").require_ready()


class TestActiveDirectory(AccountStoreContract):
    @pytest.fixture
    def people(self, domain: DomainStaff) -> DomainStaff:
        return domain


FILES = Path(__file__).parents[4] / "docs/ldap"
SERVICE_PASSWORD = "a service account of the guide"


async def lock_reset_and_change(staff: Staff, store: LdapAccounts, ada: str, guesses: int) -> None:
    for _ in range(guesses):
        await staff.verifies(ada, "a guess")
    assert not await staff.verifies(ada, FIRST), "it is locked"
    await store.require_ready()
    account = await store.find(ADA)
    assert account is not None
    assert account.active
    assert await store.set_password(account, new_password(SECOND))
    assert await staff.verifies(ada, SECOND)


@pytest.fixture
async def new_school(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenLdapStaff]:
    with running_slapd(is_bare=True) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.root))
        async with aclosing(OpenLdapStaff(server)) as school:
            yield school


async def test_the_steps_for_openldap_suffice(new_school: OpenLdapStaff) -> None:
    def here(name: str) -> str:
        text = (FILES / name).read_text("utf-8").replace("ou=people,dc=example,dc=org", school.base)
        text = text.replace("cn=keyturn,dc=example,dc=org", service).replace(
            "dc=example,dc=org", server.suffix
        )
        return text.replace("{SSHA}(from slappasswd)", SERVICE_PASSWORD)

    school, server = new_school, new_school.server
    service, policy = f"cn=keyturn,ou=services,{school.base}", f"cn=policy,{school.base}"
    rules = {
        "pwdLockout": "TRUE",
        "pwdMaxFailure": "2",
        "pwdMustChange": "TRUE",
        "pwdAttribute": "userPassword",
    }
    server.add(
        f"ou=services,{school.base}", {"objectClass": "organizationalUnit", "ou": "services"}
    )
    server.change(
        here("keyturn.ldif").replace("\nobjectClass", "\nchangetype: add\nobjectClass", 1)
    )
    for step in ("policy.ldif", "rights.ldif"):
        server.change(here(step), "cn=admin,cn=config", "admin")
    server.add(policy, {"objectClass": ["device", "pwdPolicy"], **rules})
    ada = await school.add(ADA, FIRST, pwdPolicySubentry=policy)
    await school.set(ada, pwdReset="TRUE")
    store = school.store(bind_dn=service, bind_password=SecretStr(SERVICE_PASSWORD))
    await lock_reset_and_change(school, store, ada, guesses=2)
    assert "userPassword" not in server.attributes(
        school.dns[ada], "userPassword", bind=(service, SERVICE_PASSWORD)
    )


async def test_the_rights_for_active_directory_suffice(domain: DomainStaff, rules: Any) -> None:
    server, dn = domain.server, f"CN=keyturn,{domain.server.suffix}"
    entry = {"objectClass": "user", "sAMAccountName": "keyturn", "userAccountControl": "512"}
    server.add(dn, {**entry, "unicodePwd": quoted(SERVICE_PASSWORD)})
    sid = sid_text(b64decode(server.attributes(dn, "objectSid")["objectSid:"]))
    (sddl,) = re.findall(r'--sddl="(.*)"', (FILES / "samba.sh").read_text("utf-8"))
    tool = require_program("samba-tool", "samba-ad-dc samba-ad-provision")
    place = ["-H", f"{server.folder}/dc/private/sam.ldb", "-s", f"{server.folder}/dc/etc/smb.conf"]
    command = [
        tool,
        "dsacl",
        "set",
        *place,
        f"--objectdn={domain.base}",
        f"--sddl={sddl.replace('SID', sid)}",
    ]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    ada = await domain.add(ADA, FIRST)
    await asyncio.to_thread(rules, lockoutThreshold="2")
    store = domain.store(
        bind_dn="keyturn@northwind.test", bind_password=SecretStr(SERVICE_PASSWORD)
    )
    await lock_reset_and_change(domain, store, ada, guesses=3)


def sid_text(sid: bytes) -> str:
    """Return a security identifier as text (MS-DTYP 2.4.2)."""
    parts = struct.unpack(f"<{sid[1]}I", sid[8:])
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8])), *map(str, parts)])
