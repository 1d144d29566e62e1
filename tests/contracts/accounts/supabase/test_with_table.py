"""People in an app's own table, their passwords at Supabase Auth."""

from collections.abc import AsyncIterator

import pytest
from tests.contracts.accounts.stores import new_password, own_messages
from tests.contracts.accounts.supabase.conftest import ADA, NEW, OLD, Opened, Profiles, Project

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.supabase import SupabaseAccounts, SupabaseWithTable
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Secret


@pytest.fixture
async def store(profiles: Profiles, accounts: SupabaseAccounts) -> AsyncIterator[SupabaseWithTable]:
    store = profiles.store(accounts)
    yield store
    await store.close()


@pytest.fixture
async def ada(project: Project, profiles: Profiles, store: SupabaseWithTable) -> Account:
    profiles.add(project.server.users.add(ADA, OLD).id, ADA)
    account = await store.find(ADA)
    assert account is not None
    return account


async def test_people_are_looked_up_in_the_table_alone(
    project: Project, profiles: Profiles, accounts: SupabaseAccounts, store: SupabaseWithTable, ada: Account
) -> None:
    profiles.add("7", "grace@northwind.example", provider="Google")
    project.server.users.add("eve@northwind.example", OLD)

    assert await store.find(ADA) == await store.get(ada.id) == ada
    grace = await store.find("grace@northwind.example")
    assert grace is not None
    assert (grace.id, grace.provider, grace.has_password) == ("7", "Google", False)
    assert await store.find("eve@northwind.example") is None
    assert project.server.requests == []
    assert not store.offers(AccountStore.password_hash)
    assert await store.awaiting_password() is None
    assert (store.takes_names, profiles.store(accounts, identifiers=("email", "name")).takes_names) == (False, True)


async def test_sessions_that_the_table_knows_of_end_by_themselves(profiles: Profiles, store: SupabaseWithTable) -> None:
    for account_id in ("u-1", "u-2", "u-3"):
        profiles.add(account_id, f"{account_id}@northwind.example")
    await store.end_sessions("u-1")
    await store.end_intrusion("u-2")

    assert profiles.ids("sessions") == ["u-3"]
    assert profiles.ids("passkeys") == ["u-1", "u-3"]


@pytest.mark.parametrize("refusal", ["", "RAISE(ABORT, 'refused')", "RAISE(IGNORE)"])
async def test_a_password_is_set_at_supabase_and_noted_in_the_table_if_that_takes_it(
    refusal: str,
    project: Project,
    profiles: Profiles,
    store: SupabaseWithTable,
    ada: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if refusal:
        profiles.run(f"CREATE TRIGGER no BEFORE UPDATE ON people BEGIN SELECT {refusal}; END;")
    assert await store.set_password(ada, new_password()) is not False

    assert (await project.sign_in(ADA, NEW)).status_code == 200
    assert profiles.ids("temporary") == ([ada.id] if refusal else [])
    assert own_messages(caplog).count(f"accounts.change_not_noted account={ada.id}") == bool(refusal)
    assert NEW not in caplog.text


async def test_what_supabase_refuses_is_not_noted(
    project: Project, profiles: Profiles, store: SupabaseWithTable, ada: Account
) -> None:
    project.server.min_length = 30
    with pytest.raises(PasswordRejected):
        await store.set_password(ada, new_password())
    project.server.coming += [None, 500]
    with pytest.raises(AccountsUnready):
        await store.set_password(ada, new_password())

    assert profiles.ids("temporary") == [ada.id]


async def test_both_sides_must_know_the_account_under_that_address(
    project: Project, profiles: Profiles, store: SupabaseWithTable, ada: Account, caplog: pytest.LogCaptureFixture
) -> None:
    profiles.change(ada.id, email="ada@moved.example")
    moved = await store.get(ada.id)
    assert moved is not None
    assert not await store.set_password(moved, new_password()), "Supabase still has the old address"
    assert own_messages(caplog) == [f"accounts.not_at_supabase account={ada.id}"]

    profiles.add(ada.id, ADA, provider="Google")
    assert not await store.set_password(ada, new_password())
    assert project.server.users.with_password(ADA, OLD)
    assert profiles.ids("temporary") == [ada.id]


async def test_it_is_ready_where_both_are(profiles: Profiles, store: SupabaseWithTable, opened: Opened) -> None:
    await store.require_ready()

    refused = profiles.store(opened(service_role_key=Secret("anon-key")))
    with pytest.raises(SettingsInvalid, match="service_role_key"):
        await refused.require_ready()
    await refused.close()
    await store.close()
    profiles.file.unlink()
    with pytest.raises(AccountsUnready):
        await store.require_ready()
