"""Accounts that are at Supabase Auth, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.contracts.accounts.messages import own_messages
from tests.contracts.accounts.supabase.profiles import Profiles
from tests.contracts.accounts.supabase.project import ADA, NEW, OLD, Project, new_password
from tests.servers.supabase import Answer

from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.testing import AccountStoreContract

TOMORROW = datetime.now(UTC) + timedelta(days=1)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)

AN_ID = "3f1c2b6e-0d5a-4b0e-9a51-6a8f2f0c7d10"


async def known(accounts: SupabaseAccounts, email: str = ADA) -> Account:
    account = await accounts.find(email)
    assert account is not None
    return account


async def test_an_account_is_found_by_its_address_and_by_its_id(project: Project, accounts: SupabaseAccounts) -> None:
    user = project.server.users.add(ADA, metadata={"full_name": " Ada  Lovelace ", "name": "ada", "locale": "fr"})
    ada = Account(id=user.id, email=ADA, name="Ada Lovelace", locale="fr")

    assert await accounts.find(ADA) == ada
    assert await accounts.get(user.id) == ada
    assert await accounts.get(user.id.upper()) == ada


async def test_an_address_is_compared_exactly_whatever_the_server_takes_for_a_wildcard(
    project: Project, accounts: SupabaseAccounts
) -> None:
    users = project.server.users
    for stranger in ("adaXlove@northwind.example", "not-ada_love@northwind.example", "ada_love@northwind.example.test"):
        users.add(stranger)
    users.add("eve@northwind.example", metadata={"full_name": "ada_love@northwind.example"})

    assert await accounts.find("ada_love@northwind.example") is None
    assert await accounts.find("%@northwind.example") is None
    mine = users.add("ada_love@northwind.example")
    found = await known(accounts, "ada_love@northwind.example")
    assert found.id == mine.id


async def test_all_pages_of_what_is_alike_are_looked_at(project: Project, accounts: SupabaseAccounts) -> None:
    first = project.server.users.add(ADA)
    for number in range(120):
        project.server.users.add(f"{number}{ADA}")

    found = await known(accounts)
    assert found.id == first.id
    assert len(project.server.requests) == 3


async def test_no_address_walks_through_the_whole_project(project: Project, accounts: SupabaseAccounts) -> None:
    for number in range(1100):
        project.server.users.add(f"{number}-a@northwind.example")

    for wildcard in ("%@northwind.example", "_@northwind.example", "%-a@northwind.example"):
        project.server.requests.clear()
        assert await accounts.find(wildcard) is None
        assert len(project.server.requests) == 1
    project.server.requests.clear()
    assert await accounts.find("a@northwind.example") is None
    assert len(project.server.requests) == 20


async def test_a_user_that_is_like_no_other_is_in_nobodys_way(
    project: Project, accounts: SupabaseAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    users: list[dict[str, Any]] = [{"id": str(uuid4()), "email": f"{number}{ADA}"} for number in range(48)]
    users.append({"id": AN_ID, "email": f"odd{ADA}", "banned_until": "12026-11-20T08:00:00Z"})
    users.append({"id": 7, "email": f"odder{ADA}"})
    project.server.coming.append(Answer(200, {"users": users}))
    mine = project.server.users.add(ADA)
    project.server.coming.append(Answer(200, {"users": [mine.document()]}))

    found = await known(accounts)
    assert found.id == mine.id
    assert own_messages(caplog) == ["accounts.odd_user users=2"]


async def test_of_two_users_with_one_address_the_one_with_a_password_is_meant(
    project: Project, accounts: SupabaseAccounts
) -> None:
    mine = project.server.users.add(ADA)
    sso = "sso:21648a9d-8d5a-4555-a9d1-d6375dc14e92"
    project.server.users.add(ADA, provider=sso, providers=(sso,), is_sso_user=True)

    found = await known(accounts)
    assert (found.id, found.has_password) == (mine.id, True)


@pytest.mark.parametrize(
    ("fields", "has_password", "provider"),
    [
        ({}, True, ""),
        ({"provider": "google", "providers": ("google", "email")}, True, ""),
        ({"provider": "google", "providers": ("google",)}, False, "Google"),
        ({"provider": "github", "providers": ("github",)}, False, "GitHub"),
        ({"provider": "azure", "providers": ("azure",)}, False, "Microsoft"),
        ({"provider": "linkedin_oidc", "providers": ("linkedin_oidc",)}, False, "LinkedIn"),
        ({"provider": "sso:21648a9d", "providers": ("sso:21648a9d",)}, False, "SSO"),
        ({"is_sso_user": True}, False, "SSO"),
        ({"provider": "", "providers": ()}, False, ""),
    ],
)
async def test_who_has_a_password_is_told_by_the_providers(
    fields: dict[str, Any], has_password: bool, provider: str, project: Project, accounts: SupabaseAccounts
) -> None:
    project.server.users.add(ADA, **fields)

    found = await known(accounts)
    assert (found.has_password, found.provider) == (has_password, provider)


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({}, True),
        ({"banned_until": YESTERDAY}, True),
        ({"banned_until": TOMORROW}, False),
        ({"deleted_at": YESTERDAY}, False),
    ],
)
async def test_who_is_banned_or_deleted_is_not_active(
    fields: dict[str, Any], active: bool, project: Project, accounts: SupabaseAccounts
) -> None:
    user = project.server.users.add(ADA, OLD, **fields)
    found = await known(accounts)
    assert found.active is active
    assert await accounts.set_password(found, new_password()) is active
    assert project.server.users.with_password(ADA, NEW if active else OLD) is user


@pytest.mark.parametrize(
    ("confirmed", "metadata"),
    [
        (True, {}),
        (True, {"full_name": 7, "name": ["x"], "locale": {"a": 1}}),
        (True, {"name": None}),
        (False, {"full_name": "You won! Visit evil.example"}),
    ],
    ids=["nothing", "no texts", "no name", "words for a mail to an address that is not confirmed"],
)
async def test_no_name_is_read_from_what_a_stranger_may_have_written(
    confirmed: bool, metadata: dict[str, Any], project: Project, accounts: SupabaseAccounts
) -> None:
    user = project.server.users.add(ADA, confirmed=confirmed, metadata=metadata)

    assert await accounts.find(ADA) == Account(id=user.id, email=ADA)


@pytest.mark.parametrize("account_id", ["", "7", "ada", "../../../admin", AN_ID[:-1], f"{AN_ID}/factors"])
async def test_an_id_that_is_no_uuid_asks_nobody(account_id: str, project: Project, accounts: SupabaseAccounts) -> None:
    assert await accounts.get(account_id) is None
    assert not await accounts.set_password(Account(id=account_id, email=ADA), new_password())
    assert project.server.requests == []


@pytest.mark.parametrize("old", [False, True])
async def test_the_new_password_signs_in_and_every_session_is_over(
    old: bool, project: Project, accounts: SupabaseAccounts
) -> None:
    project.server.old = old
    project.server.users.add(ADA, OLD)
    session = (await project.sign_in(ADA, OLD)).json()["refresh_token"]
    account = await known(accounts)

    assert await accounts.set_password(account, new_password())

    assert (await project.sign_in(ADA, NEW)).status_code == 200
    assert (await project.sign_in(ADA, OLD)).status_code == 400
    assert (await project.refresh(session)).status_code == 400


async def test_a_first_link_confirms_the_address_that_it_was_sent_to(
    project: Project, accounts: SupabaseAccounts
) -> None:
    project.server.users.add(ADA, OLD, confirmed=False)
    account = await known(accounts)
    assert (await project.sign_in(ADA, OLD)).json()["code"] == "email_not_confirmed"

    assert await accounts.set_password(account, new_password())

    assert (await project.sign_in(ADA, NEW)).status_code == 200


async def test_who_signs_in_elsewhere_by_now_gets_no_password(project: Project, accounts: SupabaseAccounts) -> None:
    user = project.server.users.add(ADA, OLD)
    account = await known(accounts)

    user.provider, user.providers = "google", ("google",)
    assert not await accounts.set_password(account, new_password())
    user.providers = ("google", "email")
    assert await accounts.set_password(account, new_password())
    user.is_sso_user = True
    assert not await accounts.set_password(account, new_password(OLD))
    assert project.server.users.with_password(ADA, NEW) is user


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
