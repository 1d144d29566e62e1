"""What every store of accounts keeps to, kept by OpenLDAP and by Samba as a domain controller."""

import pytest
from tests.contracts.accounts.ldap.people import DomainStaff, OpenLdapStaff

from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.testing import AccountStoreContract


class TestOpenLdap(AccountStoreContract):
    @pytest.fixture
    def people(self, school: OpenLdapStaff) -> OpenLdapStaff:
        return school

    @pytest.fixture
    def store(self, people: OpenLdapStaff) -> LdapAccounts:
        return people.store()


@pytest.mark.long
class TestActiveDirectory(AccountStoreContract):
    @pytest.fixture
    def people(self, domain: DomainStaff) -> DomainStaff:
        return domain

    @pytest.fixture
    def store(self, people: DomainStaff) -> LdapAccounts:
        return people.store()
