"""What every store of accounts keeps to, kept by the one at Supabase Auth, alone and behind a table of people."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.contracts.accounts.supabase.profiles import Profiles
from tests.contracts.accounts.supabase.project import Project

from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.testing import AccountStoreContract


class Users:
    """The people of a project: who is disabled is banned."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        user = self._project.server.users.add(email, password)
        await self.change(user.id, active=active)
        return user.id

    async def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        user = self._project.server.users.get(account_id)
        assert user is not None
        user.email = user.email if email is None else email
        if active is not None:
            user.banned_until = None if active else datetime.now(UTC) + timedelta(days=1)

    async def verifies(self, account_id: str, password: str) -> bool:
        user = self._project.server.users.get(account_id)
        assert user is not None
        return (await self._project.sign_in(user.email, password)).status_code == 200


class UsersWithProfiles(Users):
    """The same, with a row for each in the table."""

    def __init__(self, project: Project, profiles: Profiles) -> None:
        super().__init__(project)
        self._profiles = profiles

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        account_id = await super().add(email, password, active=True)
        self._profiles.add(account_id, email, active=active)
        return account_id

    async def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        self._profiles.change(account_id, email=email, active=active)


class TestSupabase(AccountStoreContract):
    keeps_case = False

    @pytest.fixture
    def store(self, accounts: SupabaseAccounts) -> AccountStore:
        return accounts

    @pytest.fixture
    def people(self, project: Project) -> Users:
        return Users(project)


class TestSupabaseWithTable(AccountStoreContract):
    @pytest.fixture
    async def store(self, accounts: SupabaseAccounts, profiles: Profiles) -> AsyncIterator[AccountStore]:
        store = profiles.store(accounts)
        yield store
        await store.close()

    @pytest.fixture
    def people(self, project: Project, profiles: Profiles) -> Users:
        return UsersWithProfiles(project, profiles)
