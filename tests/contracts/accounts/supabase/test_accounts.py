"""Accounts that are at Supabase Auth, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.contracts.accounts.stores import new_password, own_messages
from tests.contracts.accounts.supabase.conftest import ADA, NEW, OLD, Profiles, Project
from tests.servers.supabase import Answer

from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.supabase import SupabaseAccounts
from keyturn.testing import AccountStoreContract

AN_ID = "3f1c2b6e-0d5a-4b0e-9a51-6a8f2f0c7d10"

SOON, BEFORE = (datetime.now(UTC) + timedelta(days=days) for days in (1, -1))


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


async def test_an_address_is_compared_exactly_without_wildcards(project: Project, accounts: SupabaseAccounts) -> None:
    users = project.server.users
    for stranger in ("adaXlove@northwind.example", "not-ada_love@northwind.example", "ada_love@northwind.example.test"):
        users.add(stranger)
    users.add("eve@northwind.example", metadata={"full_name": "ada_love@northwind.example"})

    assert await accounts.find("ada_love@northwind.example") is None
    assert await accounts.find("%@northwind.example") is None
    mine = users.add("ada_love@northwind.example")
    users.add(mine.email, provider="sso:21648a9d", providers=("sso:21648a9d",), is_sso_user=True)
    found = await known(accounts, mine.email)
    assert (found.id, found.has_password) == (mine.id, True), "of two with one address a password decides"


async def test_all_pages_of_what_is_alike_are_read_and_no_others(project: Project, accounts: SupabaseAccounts) -> None:
    first = project.server.users.add(ADA)
    for number in range(1100):
        project.server.users.add(f"{number}{ADA}" if number < 120 else f"{number}-a@northwind.example")

    for email, found, requests in (
        (ADA, first.id, 3),
        *((wildcard, None, 1) for wildcard in ("%@northwind.example", "_@northwind.example", "%-a@northwind.example")),
        ("a@northwind.example", None, 20),
    ):
        project.server.requests.clear()
        account = await accounts.find(email)
        assert (account and account.id, len(project.server.requests)) == (found, requests)


async def test_a_user_that_is_like_no_other_is_in_nobodys_way(
    project: Project, accounts: SupabaseAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    users: list[dict[str, Any]] = [{"id": str(uuid4()), "email": f"{number}{ADA}"} for number in range(48)]
    users.append({"id": AN_ID, "email": f"odd{ADA}", "banned_until": "12026-11-20T08:00:00Z"})
    users.append({"id": 7, "email": f"odder{ADA}"})
    mine = project.server.users.add(ADA)
    project.server.coming += [Answer(200, {"users": users}), Answer(200, {"users": [mine.document()]})]

    assert (await known(accounts)).id == mine.id
    assert own_messages(caplog) == ["accounts.odd_user users=2"]


@pytest.mark.parametrize(
    ("fields", "has_password", "provider"),
    [
        ({}, True, ""),
        ({"banned_until": BEFORE}, True, ""),
        ({"banned_until": SOON}, False, ""),
        ({"deleted_at": BEFORE}, False, ""),
        ({"provider": "google", "providers": ("google", "email")}, True, ""),
        ({"provider": "google", "providers": ("google",)}, False, "Google"),
        ({"provider": "azure", "providers": ("azure",)}, False, "Microsoft"),
        ({"provider": "linkedin_oidc", "providers": ("linkedin_oidc",)}, False, "LinkedIn"),
        ({"provider": "sso:21648a9d", "providers": ("sso:21648a9d",)}, False, "SSO"),
        ({"is_sso_user": True}, False, "SSO"),
        ({"provider": "", "providers": ()}, False, ""),
    ],
)
async def test_who_is_active_and_has_a_password_is_read_from_the_user(
    fields: dict[str, Any], has_password: bool, provider: str, project: Project, accounts: SupabaseAccounts
) -> None:
    user = project.server.users.add(ADA, OLD, **fields)
    found, is_ended = await known(accounts), "deleted_at" in fields or fields.get("banned_until") == SOON

    assert (found.active, found.has_password, found.provider) == (not is_ended, has_password or is_ended, provider)
    assert await accounts.set_password(found, new_password()) is has_password
    assert project.server.users.with_password(ADA, NEW if has_password else OLD) is user


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
async def test_the_new_password_signs_in_and_every_session_is_over_and_the_address_confirmed(
    old: bool, project: Project, accounts: SupabaseAccounts
) -> None:
    project.server.old = old
    user = project.server.users.add(ADA, OLD)
    session = (await project.sign_in(ADA, OLD)).json()["refresh_token"]
    user.confirmed = False
    assert await accounts.set_password(await known(accounts), new_password())

    assert (await project.sign_in(ADA, NEW)).status_code == 200
    assert (await project.sign_in(ADA, OLD)).status_code == 400
    assert (await project.refresh(session)).status_code == 400


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
    """The people of a project: who is disabled is banned. With `profiles`, the row of each has its state."""

    def __init__(self, project: Project, profiles: Profiles | None = None) -> None:
        self._project, self._profiles = project, profiles

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        user = self._project.server.users.add(email, password)
        if self._profiles:
            self._profiles.add(user.id, email)
        await self.change(user.id, active=active)
        return user.id

    async def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        if self._profiles:
            self._profiles.change(account_id, email=email, active=active)
            return
        user = self._project.server.users.get(account_id)
        assert user is not None
        user.email = user.email if email is None else email
        if active is not None:
            user.banned_until = None if active else datetime.now(UTC) + timedelta(days=1)

    async def verifies(self, account_id: str, password: str) -> bool:
        user = self._project.server.users.get(account_id)
        assert user is not None
        return (await self._project.sign_in(user.email, password)).status_code == 200


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
        return Users(project, profiles)
