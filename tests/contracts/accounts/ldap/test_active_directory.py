"""Samba as a domain controller of Active Directory: its rules in words, lockouts, flags, ids and addresses."""

import asyncio
from typing import Any

import pytest
from tests.contracts.accounts.ldap.conftest import FIRST, SECOND, THIRD, DomainStaff, of
from tests.contracts.accounts.stores import new_password

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.problems.passwords import PasswordRejected
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

    assert [one.rule for one in rejected.value.violations] == ["weak_length", "weak_characters", "history"]
    assert await domain.verifies(ada, FIRST)
    assert await store.set_password(account, new_password(THIRD))


async def test_the_flag_for_another_password_ends_with_the_owners_own(domain: DomainStaff, store: LdapAccounts) -> None:
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
    domain: DomainStaff, store: LdapAccounts, state: dict[str, str], active: bool, has_password: bool
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
    machine = {"objectClass": "computer", "sAMAccountName": "LAB1$", "userAccountControl": "4096", "mail": ADA}
    await asyncio.to_thread(domain.server.add, f"cn=lab1,{domain.base}", machine)

    assert await store.find(ADA) is None
    with pytest.raises(SettingsInvalid, match="the server answers as Active Directory does"):
        await domain.store(kind="openldap").require_ready()


class TestActiveDirectory(AccountStoreContract):
    @pytest.fixture
    def people(self, domain: DomainStaff) -> DomainStaff:
        return domain
