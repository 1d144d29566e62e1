"""Samba as a domain controller of Active Directory: its rules in words, lockouts, flags, ids and addresses."""

import asyncio
from typing import Any

import pytest
from tests.accounts.ldap.people import FIRST, SECOND, THIRD, DomainStaff, new_password, of

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.proofs import CredentialsRejected

pytestmark = pytest.mark.long  # it takes a domain controller six seconds to be there

ADA = "ada@northwind.test"


@pytest.fixture
def store(domain: DomainStaff) -> LdapAccounts:
    return domain.store()


KINDS = "weak_characters: more kinds of characters, such as upper-case letters, digits and special characters"


@pytest.mark.parametrize(
    ("rule", "password", "broken"),
    [
        ({"minPwdLength": "12"}, "short", "weak_length: at least 12 characters"),
        ({"pwdProperties": "1"}, "seven quiet ferries", KINDS),
    ],
    ids=["short", "simple"],
)
async def test_what_the_domain_refuses_is_a_rule_in_words(
    domain: DomainStaff, store: LdapAccounts, rules: Any, rule: dict[str, str], password: str, broken: str
) -> None:
    ada = await domain.add(ADA, FIRST)
    account = await of(store, ada)
    await asyncio.to_thread(rules, **rule)

    with pytest.raises(PasswordRejected) as rejected:
        await store.set_password(account, new_password(password))

    assert [f"{one.rule}: {one.message}" for one in rejected.value.violations] == [broken]
    assert await domain.verifies(ada, FIRST)
    assert await store.set_password(account, new_password(THIRD))


async def test_a_lockout_ends_with_a_new_password(domain: DomainStaff, store: LdapAccounts, rules: Any) -> None:
    await asyncio.to_thread(rules, lockoutThreshold="2")
    ada = await domain.add(ADA, FIRST)
    for _ in range(3):
        assert not await store.check_password(ada, "a guess")
    assert not await store.check_password(ada, FIRST), "it is locked"

    account = await of(store, ada)
    assert account.active
    assert await store.set_password(account, new_password(SECOND))

    assert await store.check_password(ada, SECOND)


async def test_the_password_before_the_last_reset_binds_but_changes_nothing(
    domain: DomainStaff, store: LdapAccounts, rules: Any
) -> None:
    await asyncio.to_thread(rules, pwdHistoryLength="3")
    ada = await domain.add(ADA, FIRST)
    assert await store.set_password(await of(store, ada), new_password(SECOND))
    assert await store.check_password(ada, FIRST), "OldPasswordAllowedPeriod: 60 minutes, in Samba as well"

    with pytest.raises(CredentialsRejected):
        await store.set_password(await of(store, ada), new_password(THIRD, current=FIRST))

    assert not await domain.verifies(ada, THIRD)
    assert await store.set_password(await of(store, ada), new_password(THIRD, current=SECOND))
    assert await domain.verifies(ada, THIRD)


async def test_a_change_too_soon_after_the_last_is_a_rule_in_words(
    domain: DomainStaff, store: LdapAccounts, rules: Any
) -> None:
    ada = await domain.add(ADA, FIRST)
    await asyncio.to_thread(rules, minPwdAge=str(-24 * 3600 * 10_000_000))

    with pytest.raises(PasswordRejected) as rejected:
        await store.set_password(await of(store, ada), new_password(SECOND, current=FIRST))
    assert [one.rule for one in rejected.value.violations] == ["too_young"]
    assert await store.set_password(await of(store, ada), new_password(SECOND)), "a reset need not wait"


@pytest.mark.parametrize("current", [None, FIRST], ids=["reset", "change after a sign-in"])
async def test_the_flag_for_another_password_ends_with_one_that_the_owner_chose(
    domain: DomainStaff, store: LdapAccounts, current: str | None
) -> None:
    ada = await domain.add(ADA, FIRST)
    await domain.set(ada, pwdLastSet="0")
    assert not await domain.verifies(ada, FIRST)
    assert await store.check_password(ada, FIRST), "the password is right, so its owner may change it here"
    assert not await store.check_password(ada, SECOND)

    assert await store.set_password(await of(store, ada), new_password(SECOND, current=current))

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


async def test_addresses_of_exchange_find_the_account_and_mail_goes_to_the_first(
    domain: DomainStaff, store: LdapAccounts
) -> None:
    aliases = ["SMTP:ada.l@northwind.test", "smtp:countess@northwind.test", "x500:/o=Northwind"]
    ada = await domain.add(ADA, FIRST, proxyAddresses=aliases)

    found = await store.find("countess@northwind.test")
    assert found == await store.get(ada)
    assert found is not None
    assert found.email == ADA

    await domain.set(ada, mail=[])
    assert (await of(store, ada)).email == "ada.l@northwind.test"
    assert await store.find("/o=Northwind") is None


async def test_machines_are_no_accounts(domain: DomainStaff, store: LdapAccounts) -> None:
    machine = {"objectClass": "computer", "sAMAccountName": "LAB1$", "userAccountControl": "4096", "mail": ADA}
    await asyncio.to_thread(domain.server.add, f"cn=lab1,{domain.base}", machine)

    assert await store.find(ADA) is None


async def test_a_controller_is_recognised_under_the_wrong_kind(domain: DomainStaff) -> None:
    with pytest.raises(SettingsInvalid, match="the server answers as Active Directory does"):
        await domain.store(kind="openldap").require_ready()
