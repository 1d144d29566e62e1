"""What every store of accounts keeps to, kept by OpenLDAP and by Samba as a domain controller."""

from collections.abc import AsyncIterator

import pytest
from tests.accounts.ldap.people import DomainStaff, OpenLdapStaff

from keyturn.accounts.ldap.accounts import LdapAccounts
from keyturn.testing import AccountStoreContract


class TestOpenLdap(AccountStoreContract):
    @pytest.fixture
    def people(self, school: OpenLdapStaff) -> OpenLdapStaff:
        return school

    @pytest.fixture
    async def store(self, people: OpenLdapStaff) -> AsyncIterator[LdapAccounts]:
        store = people.store()
        yield store
        await store.close()


@pytest.mark.long
class TestActiveDirectory(AccountStoreContract):
    @pytest.fixture
    def people(self, domain: DomainStaff) -> DomainStaff:
        return domain

    @pytest.fixture
    async def store(self, people: DomainStaff) -> AsyncIterator[LdapAccounts]:
        store = people.store()
        yield store
        await store.close()
