"""People in an app's own table, their passwords at Supabase Auth."""

import logging

import pytest
from tests.accounts.messages import own_messages
from tests.accounts.supabase.profiles import Profiles
from tests.accounts.supabase.project import ADA, NEW, OLD, Opened, Project, new_password

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.accounts import SupabaseAccounts, SupabaseWithTable
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import Secret


class Broken(Profiles):
    """A table that records no change: its row is gone, or it fails with an unknown error."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    async def note_change(self, account: Account) -> bool:
        if self._error:
            raise self._error
        self.remove(account.id)
        return False


@pytest.fixture
def profiles() -> Profiles:
    return Profiles()


@pytest.fixture
def store(profiles: Profiles, accounts: SupabaseAccounts) -> SupabaseWithTable:
    return SupabaseWithTable(profiles, accounts)


@pytest.fixture
def ada(project: Project, profiles: Profiles) -> Account:
    return profiles.add(project.server.users.add(ADA, OLD).id, ADA)


async def test_people_are_looked_up_in_the_table_alone(
    project: Project, profiles: Profiles, store: SupabaseWithTable, ada: Account
) -> None:
    grace = profiles.add("7", "grace@northwind.example", provider="Google")
    project.server.users.add("eve@northwind.example", OLD)

    assert await store.find(ADA) == await store.get(ada.id) == ada
    assert await store.find("grace@northwind.example") == grace
    assert await store.find("eve@northwind.example") is None
    assert project.server.requests == []


async def test_the_password_is_set_at_supabase_and_the_table_notes_it(
    project: Project, profiles: Profiles, store: SupabaseWithTable, ada: Account
) -> None:
    assert await store.set_password(ada, new_password())

    assert (await project.sign_in(ADA, NEW)).status_code == 200
    assert profiles.temporary == set()


async def test_sessions_that_the_table_knows_of_end_by_themselves(accounts: SupabaseAccounts) -> None:
    profiles = Profiles()
    store = SupabaseWithTable(profiles, accounts)
    await store.end_sessions("u-1")
    await store.end_intrusion("u-2")

    assert profiles.ended == ["u-1", "u-2 with passkeys"]


@pytest.mark.parametrize("error", [AccountsUnready("locked"), ZeroDivisionError("odd"), None], ids=repr)
async def test_a_password_that_is_changed_is_changed_even_where_the_table_cannot_note_it(
    error: Exception | None, project: Project, accounts: SupabaseAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    table = Broken(error)
    ada = table.add(project.server.users.add(ADA, OLD).id, ADA)

    assert await SupabaseWithTable(table, accounts).set_password(ada, new_password())

    assert project.server.users.with_password(ADA, NEW)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f"accounts.change_not_noted account={ada.id}"
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

    assert profiles.temporary == {ada.id}


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
    assert ada.id in profiles.temporary


async def test_it_is_ready_where_both_are(profiles: Profiles, store: SupabaseWithTable, opened: Opened) -> None:
    await store.require_ready()

    profiles.is_down = True
    with pytest.raises(AccountsUnready):
        await store.require_ready()
    profiles.is_down = False
    with pytest.raises(SettingsInvalid, match="service_role_key"):
        await SupabaseWithTable(profiles, opened(service_role_key=Secret("anon-key"))).require_ready()


@pytest.mark.parametrize("takes_names", [True, False])
async def test_user_names_are_taken_if_the_table_takes_them(accounts: SupabaseAccounts, takes_names: bool) -> None:
    class Named(Profiles):
        def __init__(self) -> None:
            super().__init__()
            self.takes_names = takes_names

    store = SupabaseWithTable(Named(), accounts)
    assert store.takes_names is takes_names
    assert SupabaseWithTable(Profiles(), accounts).takes_names is False
    assert accounts.takes_names is False
