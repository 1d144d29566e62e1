"""Accounts that are at Supabase Auth, over HTTP, also with people in an app's own table."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.contracts.accounts.stores import new_password, own_messages
from tests.contracts.accounts.supabase.conftest import ADA, NEW, OLD, Opened, Profiles, Project
from tests.servers.supabase import Answer

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.port import Account, AccountStore
from keyturn.service.accounts.supabase.store import SupabaseAccounts, SupabaseWithTable
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import SecretStr
from keyturn.testing import AccountStoreContract

AN_ID = "3f1c2b6e-0d5a-4b0e-9a51-6a8f2f0c7d10"

SOON, BEFORE = (datetime.now(UTC) + timedelta(days=days) for days in (1, -1))


async def known(accounts: SupabaseAccounts, email: str = ADA) -> Account:
    account = await accounts.find(email)
    assert account is not None
    return account


async def test_an_account_is_found_by_its_address_and_by_its_id(
    project: Project, accounts: SupabaseAccounts
) -> None:
    user = project.server.users.add(
        ADA, metadata={"full_name": " Ada  Lovelace ", "name": "ada", "locale": "fr"}
    )
    ada = Account(id=user.id, email=ADA, name="Ada Lovelace", locale="fr")

    assert await accounts.find(ADA) == ada
    assert await accounts.get(user.id) == ada
    assert await accounts.get(user.id.upper()) == ada


async def test_an_address_is_compared_exactly_without_wildcards(
    project: Project, accounts: SupabaseAccounts
) -> None:
    users = project.server.users
    for stranger in (
        "adaXlove@northwind.example",
        "not-ada_love@northwind.example",
        "ada_love@northwind.example.test",
    ):
        users.add(stranger)
    users.add("eve@northwind.example", metadata={"full_name": "ada_love@northwind.example"})

    assert await accounts.find("ada_love@northwind.example") is None
    assert await accounts.find("%@northwind.example") is None
    mine = users.add("ada_love@northwind.example")
    users.add(mine.email, provider="sso:21648a9d", providers=("sso:21648a9d",), is_sso_user=True)
    found = await known(accounts, mine.email)
    assert (found.id, found.has_password) == (mine.id, True), (
        "of two with one address a password decides"
    )


async def test_all_pages_of_what_is_alike_are_read_and_no_others(
    project: Project, accounts: SupabaseAccounts
) -> None:
    for number in range(1100):
        project.server.users.add(
            f"{number}{ADA}" if number < 120 else f"{number}-a@northwind.example"
        )
    last = project.server.users.add(ADA)

    for email, found, requests in (
        (ADA, last.id, 3),
        *(
            (wildcard, None, 1)
            for wildcard in ("%@northwind.example", "_@northwind.example", "%-a@northwind.example")
        ),
        ("a@northwind.example", None, 20),
    ):
        project.server.requests.clear()
        account = await accounts.find(email)
        assert (account and account.id, len(project.server.requests)) == (found, requests)


async def test_later_sign_ups_named_after_a_user(
    project: Project, accounts: SupabaseAccounts
) -> None:
    """Any number of later users with an account's address as their name hide no account, and cost
    no further call.
    """
    ada = project.server.users.add(ADA)
    for number in range(1100):
        project.server.users.add(f"{number}@evil.example", metadata={"full_name": ADA})
    project.server.requests.clear()

    assert (await known(accounts)).id == ada.id
    assert len(project.server.requests) == 1


async def test_a_user_that_is_like_no_other_is_in_nobodys_way(
    project: Project, accounts: SupabaseAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    users: list[dict[str, Any]] = [
        {"id": str(uuid4()), "email": f"{number}{ADA}"} for number in range(48)
    ]
    users.append({"id": AN_ID, "email": f"odd{ADA}", "banned_until": "12026-11-20T08:00:00Z"})
    users.append({"id": 7, "email": f"odder{ADA}"})
    mine = project.server.users.add(ADA)
    project.server.coming += [
        Answer(200, {"users": users}),
        Answer(200, {"users": [mine.document()]}),
    ]

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
    fields: dict[str, Any],
    has_password: bool,
    provider: str,
    project: Project,
    accounts: SupabaseAccounts,
) -> None:
    user = project.server.users.add(ADA, OLD, **fields)
    found, is_ended = (
        await known(accounts),
        "deleted_at" in fields or fields.get("banned_until") == SOON,
    )

    assert (found.active, found.has_password, found.provider) == (
        not is_ended,
        has_password or is_ended,
        provider,
    )
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


@pytest.mark.parametrize(
    "account_id", ["", "7", "ada", "../../../admin", AN_ID[:-1], f"{AN_ID}/factors"]
)
async def test_an_id_that_is_no_uuid_asks_nobody(
    account_id: str, project: Project, accounts: SupabaseAccounts
) -> None:
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


async def test_who_signs_in_elsewhere_by_now_gets_no_password(
    project: Project, accounts: SupabaseAccounts
) -> None:
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
    """The people of a project: who is disabled is banned.

    With `profiles`, the row of each has its state.
    """

    def __init__(self, project: Project, profiles: Profiles | None = None) -> None:
        self._project, self._profiles = project, profiles

    async def add(self, email: str, password: str, *, active: bool = True) -> str:
        user = self._project.server.users.add(email, password)
        if self._profiles:
            self._profiles.add(user.id, email)
        await self.change(user.id, active=active)
        return user.id

    async def change(
        self, account_id: str, *, email: str | None = None, active: bool | None = None
    ) -> None:
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
    def people(self, project: Project, profiles: Profiles) -> Users:
        return Users(project, profiles)


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
    project: Project,
    profiles: Profiles,
    accounts: SupabaseAccounts,
    store: SupabaseWithTable,
    ada: Account,
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
    assert (
        store.takes_names,
        profiles.store(accounts, identifiers=("email", "name")).takes_names,
    ) == (False, True)


async def test_sessions_that_the_table_knows_of_end_by_themselves(
    profiles: Profiles, store: SupabaseWithTable
) -> None:
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
    assert own_messages(caplog).count(f"accounts.change_not_noted account={ada.id}") == bool(
        refusal
    )
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
    project: Project,
    profiles: Profiles,
    store: SupabaseWithTable,
    ada: Account,
    caplog: pytest.LogCaptureFixture,
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


async def test_it_is_ready_where_both_are(
    profiles: Profiles, store: SupabaseWithTable, opened: Opened
) -> None:
    await store.require_ready()

    refused = profiles.store(opened(service_role_key=SecretStr("anon-key")))
    with pytest.raises(SettingsInvalid, match="service_role_key"):
        await refused.require_ready()
    await refused.close()
    await store.close()
    profiles.file.unlink()
    with pytest.raises(AccountsUnready):
        await store.require_ready()
