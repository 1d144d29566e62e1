"""OpenLDAP's slapd with the overlay ppolicy: its rules in words, locks, flags, addresses, and what
it never gets.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from tests.contracts.accounts.ldap.conftest import FIRST, SECOND, THIRD, OpenLdapStaff, of
from tests.contracts.accounts.stores import new_password

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.ldap.store import LdapAccounts
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import SecretStr
from keyturn.testing import AccountStoreContract

ADA = "ada@northwind.test"


@pytest.fixture
def store(school: OpenLdapStaff) -> LdapAccounts:
    return school.store()


@pytest.fixture
def policy(school: OpenLdapStaff) -> str:
    """Give the people of this school, by their attribute, a strict policy, and return its name."""
    dn = f"cn=strict,{school.base}"
    rules = {
        "pwdMinLength": "12",
        "pwdInHistory": "3",
        "pwdMinAge": "0",
        "pwdCheckQuality": "2",
        "pwdLockout": "TRUE",
    }
    entry = {
        "objectClass": ["device", "pwdPolicy"],
        "pwdAttribute": "userPassword",
        "pwdMaxFailure": "2",
    }
    school.server.add(dn, {**entry, **rules, "pwdMustChange": "TRUE", "pwdMaxLength": "60"})
    return dn


@pytest.mark.parametrize(
    ("password", "age", "rule"),
    [
        ("short", "0", "weak_length"),
        (FIRST, "0", "history"),
        ("long " * 20, "0", "too_long"),
        (THIRD, "3600", "too_young"),
    ],
    ids=["short", "used before", "long", "too soon after the last"],
)
async def test_what_the_policy_refuses_is_a_rule_in_words(
    school: OpenLdapStaff, store: LdapAccounts, policy: str, password: str, age: str, rule: str
) -> None:
    ada = await school.add(ADA, FIRST, pwdPolicySubentry=policy)
    account = await of(store, ada)
    assert await store.set_password(account, new_password(SECOND))
    await asyncio.to_thread(school.server.replace, policy, {"pwdMinAge": age})

    with pytest.raises(PasswordRejected) as rejected:
        await store.set_password(account, new_password(password))

    assert [broken.rule for broken in rejected.value.violations] == [rule]
    assert await school.verifies(ada, SECOND)


async def test_the_flag_for_another_password_does_not_outlive_the_one_that_the_owner_chose(
    school: OpenLdapStaff, policy: str
) -> None:
    ada = await school.add(ADA, FIRST, pwdPolicySubentry=policy)
    # slapd itself sets the flag after a change by its administrator.
    admin = {"bind_dn": school.server.admin, "bind_password": SecretStr(school.server.password)}
    for store, password in ((school.store(), SECOND), (school.store(**admin), THIRD)):
        await school.set(ada, pwdReset="TRUE")
        assert await store.set_password(await of(store, ada), new_password(password))
        assert "pwdReset" not in await school.read(ada, "pwdReset")


IN_TWO_DAYS = (datetime.now(UTC) + timedelta(days=2)).timestamp() // 86_400


@pytest.mark.parametrize(
    ("state", "active"),
    [
        ({"shadowExpire": "1"}, False),
        ({"shadowExpire": f"{IN_TWO_DAYS:.0f}"}, True),
        ({"shadowExpire": "-1"}, True),
        ({"pwdAccountLockedTime": "000001010000Z"}, False),
    ],
    ids=["expired", "expires in two days", "never expires", "locked by an administrator"],
)
async def test_an_account_that_an_administrator_ended_gets_no_password(
    school: OpenLdapStaff, store: LdapAccounts, state: dict[str, str], active: bool
) -> None:
    ada = await school.add(ADA, FIRST)
    account = await of(store, ada)
    assert account.active
    await school.set(ada, **state)

    assert (await of(store, ada)).active is active
    assert await store.set_password(account, new_password(SECOND)) is active
    # slapd would have ended the lock with the change.
    assert "pwdAccountLockedTime" not in state or "pwdAccountLockedTime" in await school.read(ada)


async def test_any_address_of_an_entry_finds_it_and_mail_goes_to_the_first(
    school: OpenLdapStaff,
) -> None:
    store = school.store(where={"objectClass": "person", "employeeType": "staff"})
    stranger = await school.add("eve@northwind.test", FIRST)
    ada = await school.add(ADA, FIRST, employeeType="staff", preferredLanguage="de-AT")
    await school.set(
        ada, mail=["ada.first@northwind.test", "ada.second@northwind.test", "not an address"]
    )

    found = await of(store, ada)
    assert await store.find("ada.second@northwind.test") == found
    assert (found.email, found.locale, found.name[:3]) == (
        "ada.first@northwind.test",
        "de-AT",
        "P, ",
    )
    assert await store.find(ADA) is None
    # The settings do not describe Eve's entry.
    assert [await store.find("eve@northwind.test"), await store.get(stranger)] == [None, None]


async def test_an_address_of_two_people_finds_neither_and_is_logged(
    school: OpenLdapStaff, store: LdapAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [await school.add(ADA, FIRST), await school.add("Ada@Northwind.test", FIRST)]

    assert await store.find(ADA) is None
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert line.startswith("accounts.ambiguous")
    assert all(account_id in line for account_id in ids)

    await school.change(ids[0], active=False)
    found = await store.find(ADA)
    assert found is not None, "the other one has left"
    assert found.id == ids[1]


async def test_no_address_is_a_pattern(school: OpenLdapStaff, store: LdapAccounts) -> None:
    await school.add(ADA, FIRST)

    for address in (
        "*@northwind.test",
        "ada*@northwind.test",
        "ada)(mail=*)@northwind.test",
        "*)(uid=*@northwind.test",
    ):
        assert (await store.find(address), await store.get(address)) == (None, None)


async def test_an_entry_keeps_its_id_under_another_name_also_with_start_tls(
    school: OpenLdapStaff,
) -> None:
    ada, store = await school.add(ADA, FIRST), school.store(servers=(school.server.plain_url,))
    account = await of(store, ada)
    rename = f"dn: {school.dns[ada]}\nchangetype: modrdn\nnewrdn: cn=Countess\ndeleteoldrdn: 1\n"
    await asyncio.to_thread(school.server.change, rename)
    school.dns[ada] = f"cn=Countess,{school.base}"

    await store.require_ready()
    assert await store.set_password(account, new_password(SECOND))
    assert await school.verifies(ada, SECOND)


async def test_a_lock_for_ever_that_is_set_after_the_change_stays(
    school: OpenLdapStaff, store: LdapAccounts
) -> None:
    ada, lock = await school.add(ADA, FIRST), "pwdAccountLockedTime"
    await school.set(ada, **{lock: "000001010000Z", "pwdReset": "TRUE"})

    await store.directory.work(lambda connection: store.let_in(connection, school.dns[ada]))

    assert await school.read(ada, lock, "pwdReset") == {"dn": ANY, lock: "000001010000Z"}


async def test_a_service_account_without_the_right_changes_nothing(school: OpenLdapStaff) -> None:
    ada = await school.add(ADA, FIRST)
    reader = school.store(bind_dn=f"cn=reader,{school.server.suffix}")
    with pytest.raises(AccountsUnready, match="refuses to set a password: 50") as unready:
        await reader.set_password(await of(reader, ada), new_password(SECOND))

    assert unready.value.not_changed
    assert await school.verifies(ada, FIRST)


async def test_a_certificate_of_another_authority_or_for_another_name_is_refused(
    school: OpenLdapStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = school.server
    another_name = school.store(servers=(server.url.replace("localhost", "127.0.0.1"),))
    monkeypatch.setenv("SSL_CERT_FILE", str(server.folder / "other.pem"))
    for store in (another_name, school.store(), school.store(servers=(server.plain_url,))):
        with pytest.raises(AccountsUnready, match="certificate verify failed") as unready:
            await store.require_ready()
        assert unready.value.not_changed


@pytest.mark.parametrize(
    ("changes", "setting", "message"),
    [
        (
            {"bind_password": SecretStr("another")},
            "accounts.ldap.bind_password",
            "refuses bind_dn and bind_password: 49",
        ),
        (
            {"base": "ou=nowhere,dc=northwind,dc=test"},
            "accounts.ldap.base",
            "there is no ou=nowhere",
        ),
        ({"base": "northwind.test"}, "accounts.ldap.base", "there is no northwind.test"),
        ({"bind_dn": "keyturn"}, "accounts.ldap.bind_dn", "refuses bind_dn: 34"),
        (
            {"kind": "active_directory"},
            "accounts.ldap.kind",
            "does not answer as Active Directory does",
        ),
    ],
    ids=["password", "base", "malformed base", "malformed name", "kind"],
)
async def test_a_setting_that_does_not_fit_the_server_is_named(
    school: OpenLdapStaff, changes: dict[str, object], setting: str, message: str
) -> None:
    store = school.store(**changes)
    with pytest.raises(SettingsInvalid) as invalid:
        await store.require_ready()

    (fault,) = invalid.value.faults
    assert fault.name == setting
    assert message in fault.message
    assert "another" not in fault.message


class TestOpenLdap(AccountStoreContract):
    @pytest.fixture
    def people(self, school: OpenLdapStaff) -> OpenLdapStaff:
        return school
