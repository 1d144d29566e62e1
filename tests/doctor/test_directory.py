"""The doctor on accounts in a directory: what fits, what is missing, and a server that is not there."""

import msgspec
import pytest
from tests.accounts.ldap.people import FIRST, OpenLdapStaff
from tests.directory_servers import DirectoryServer

from keyturn.service.doctor.accounts import check_accounts
from keyturn.service.settings import AccountSettings, DatabaseSettings, LdapSettings, Secret, Settings


@pytest.fixture
def school(slapd: DirectoryServer, monkeypatch: pytest.MonkeyPatch) -> OpenLdapStaff:
    monkeypatch.setenv("SSL_CERT_FILE", str(slapd.root))
    school = OpenLdapStaff(slapd)
    school.add_now("ada@northwind.test", FIRST)
    return school


def settings_with(ldap: LdapSettings) -> Settings:
    accounts = AccountSettings(store="ldap", ldap=ldap)
    database = DatabaseSettings(url=Secret("sqlite://"))
    return Settings(accounts=accounts, database=database, sign_in_url="https://portal.northwind.example/login")


async def told(ldap: LdapSettings) -> list[str]:
    return [f"{one.verdict}: {one.message}" for one in await check_accounts(settings_with(ldap))]


async def test_a_directory_that_fits_is_in_order(school: OpenLdapStaff) -> None:
    assert await told(school.settings) == ["ok: the store ldap matches the settings"]


async def test_a_directory_that_is_not_there_is_to_be_started(school: OpenLdapStaff) -> None:
    gone = msgspec.structs.replace(school.settings, servers=("ldaps://localhost:1",))
    (found,) = await check_accounts(settings_with(gone))

    assert (found.verdict, found.message.partition(";")[0]) == ("fail", "the directory cannot be reached")
    assert found.fix.startswith("Start a server of the directory, or correct accounts.ldap.servers.")
