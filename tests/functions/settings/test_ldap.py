"""The section [accounts.ldap]: its secrets, its servers with TLS, and slips that are named together."""

import re

import pytest
from tests.functions.settings.reading import Faults, Read

from keyturn.service.settings import Secret

HEAD = 'sign_in_url = "https://app.example.org/login"\n[accounts]\nstore = "ldap"\n[accounts.ldap]\n'
REST = 'bind_dn = "cn=keyturn,dc=example,dc=org"\nbase = "ou=people,dc=example,dc=org"\n'
PASSWORD = {"KEYTURN_ACCOUNTS_LDAP_BIND_PASSWORD": "hunter2"}
ONE = 'servers = ["ldaps://dc1.example.org"]\n'


def test_a_directory_is_read_and_its_password_is_a_secret(read: Read) -> None:
    settings = read(f'{HEAD}{REST}{ONE}where = {{ employeeType = "staff" }}\n', **PASSWORD)

    ldap = settings.accounts.ldap
    assert (ldap.servers, ldap.where) == (("ldaps://dc1.example.org",), {"employeeType": "staff"})
    assert isinstance(ldap.bind_password, Secret)
    assert "hunter2" not in repr(settings)


def test_all_that_is_missing_is_said_at_once(faults: Faults) -> None:
    assert faults(HEAD) == {
        "accounts.ldap.servers": "must name one to 6 servers, such as ldaps://dc1.example.org",
        "accounts.ldap.bind_dn": "missing: the name of the service account",
        "accounts.ldap.base": "missing: the entry above the accounts",
        "accounts.ldap.bind_password": "missing: the password of the service account",
    }
    assert "accounts.ldap.bind_password" not in faults(HEAD, sending=False)


@pytest.mark.parametrize(
    "lines",
    [
        'servers = ["ldap://127.0.0.1:3890"]',
        'servers = ["ldap://ldap.example.org"]',
        'servers = ["ldaps://[2001:db8::1]:6360", "ldaps://dc2.example.org"]\nkind = "active_directory"',
    ],
    ids=["this machine", "StartTLS", "TLS"],
)
def test_servers_that_may_get_passwords(read: Read, lines: str) -> None:
    assert read(f"{HEAD}{REST}{lines}\n", **PASSWORD).accounts.ldap.servers


def test_a_directory_that_is_not_the_store_is_a_fault(faults: Faults) -> None:
    assert faults('[accounts.ldap]\nbase = "dc=example,dc=org"\n') == {
        "accounts.ldap": "is set, but accounts.store is builtin"
    }


NO_SERVERS = [
    "dc1.example.org", "https://dc1.example.org", "ldaps://", "ldaps://dc1.example.org/dc=example", "ldaps://a:b@dc1",
    "ldaps://dc1..example.org", f"ldaps://{'a' * 64}.example.org", "ldaps://dc1.example.org:port",
    "ldaps://dc1.example.org?x", "ldapi:///",
]  # fmt: skip
IN_CLEAR = 'servers = ["ldap://127.0.0.1"]\n'
DIRECTORY = 'kind = "active_directory"\n'


@pytest.mark.parametrize(
    ("lines", "setting", "message"),
    [
        *((f'servers = ["{url}"]', "servers", "^must be addresses like ldaps://dc1.example.org") for url in NO_SERVERS),
        (DIRECTORY + IN_CLEAR, "servers", "has no TLS, without which Active Directory"),
        (f'{ONE}where = {{ "a=b" = "c" }}', 'where."a=b"', "^its name must be that of an attribute"),
        (f'{ONE}kind = "windows"', "kind", "^must be"),
    ],
)
def test_what_cannot_work_or_has_no_encryption_is_named(faults: Faults, lines: str, setting: str, message: str) -> None:
    found = faults(f"{HEAD}{REST}{lines}\n", **PASSWORD)

    assert list(found) == [f"accounts.ldap.{setting}"]
    assert re.search(message, found[f"accounts.ldap.{setting}"])
