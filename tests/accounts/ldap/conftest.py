import pytest
from tests.accounts.ldap.people import DomainStaff, OpenLdapStaff
from tests.directory_servers import DirectoryServer


@pytest.fixture
def school(slapd: DirectoryServer) -> OpenLdapStaff:
    return OpenLdapStaff(slapd)


@pytest.fixture
def domain(samba: DirectoryServer) -> DomainStaff:
    return DomainStaff(samba)
