"""The files of docs/ldap, as they are, on slapd and Samba: the rights suffice, and are not too many."""

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
from tests.contracts.accounts.ldap.conftest import FIRST, SECOND, DomainStaff, OpenLdapStaff, Staff, quoted
from tests.contracts.accounts.stores import new_password
from tests.programs import require_program
from tests.servers.directories import running_slapd

from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.settings import Secret

pytestmark = pytest.mark.long

FILES = Path(__file__).parents[4] / "docs/ldap"
ADA = "ada@northwind.test"
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
        text = text.replace("cn=keyturn,dc=example,dc=org", service).replace("dc=example,dc=org", server.suffix)
        return text.replace("{SSHA}(from slappasswd)", SERVICE_PASSWORD)

    school, server = new_school, new_school.server
    service, policy = f"cn=keyturn,ou=services,{school.base}", f"cn=policy,{school.base}"
    rules = {"pwdLockout": "TRUE", "pwdMaxFailure": "2", "pwdMustChange": "TRUE", "pwdAttribute": "userPassword"}
    server.add(f"ou=services,{school.base}", {"objectClass": "organizationalUnit", "ou": "services"})
    server.change(here("keyturn.ldif").replace("\nobjectClass", "\nchangetype: add\nobjectClass", 1))
    for step in ("policy.ldif", "rights.ldif"):
        server.change(here(step), "cn=admin,cn=config", "admin")
    server.add(policy, {"objectClass": ["device", "pwdPolicy"], **rules})
    ada = await school.add(ADA, FIRST, pwdPolicySubentry=policy)
    await school.set(ada, pwdReset="TRUE")
    store = school.store(bind_dn=service, bind_password=Secret(SERVICE_PASSWORD))
    await lock_reset_and_change(school, store, ada, guesses=2)
    assert "userPassword" not in server.attributes(school.dns[ada], "userPassword", bind=(service, SERVICE_PASSWORD))


async def test_the_rights_for_active_directory_suffice(domain: DomainStaff, rules: Any) -> None:
    server, dn = domain.server, f"CN=keyturn,{domain.server.suffix}"
    entry = {"objectClass": "user", "sAMAccountName": "keyturn", "userAccountControl": "512"}
    server.add(dn, {**entry, "unicodePwd": quoted(SERVICE_PASSWORD)})
    sid = sid_text(b64decode(server.attributes(dn, "objectSid")["objectSid:"]))
    (sddl,) = re.findall(r'--sddl="(.*)"', (FILES / "samba.sh").read_text("utf-8"))
    tool = require_program("samba-tool", "samba-ad-dc samba-ad-provision")
    place = ["-H", f"{server.folder}/dc/private/sam.ldb", "-s", f"{server.folder}/dc/etc/smb.conf"]
    command = [tool, "dsacl", "set", *place, f"--objectdn={domain.base}", f"--sddl={sddl.replace('SID', sid)}"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    ada = await domain.add(ADA, FIRST)
    await asyncio.to_thread(rules, lockoutThreshold="2")
    store = domain.store(bind_dn="keyturn@northwind.test", bind_password=Secret(SERVICE_PASSWORD))
    await lock_reset_and_change(domain, store, ada, guesses=3)


def sid_text(sid: bytes) -> str:
    """Return a security identifier as text (MS-DTYP 2.4.2)."""
    parts = struct.unpack(f"<{sid[1]}I", sid[8:])
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8])), *map(str, parts)])
