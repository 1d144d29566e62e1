"""A second factor at Supabase Auth: a reset through the admin key does not go round it."""

from collections.abc import AsyncIterator

import pytest
from tests.accounts.supabase.project import OLD, Project
from tests.spec.second_factors import reset_with
from tests.spec.service import ADA, NEW_PASSWORD, Service, problem, running, settings_for

from keyturn.settings import AccountSettings, LimitSettings, SecondStepSettings, Secret, SupabaseSettings
from keyturn.testing.supabase_answers import Outage
from keyturn.testing.supabase_users import SupabaseFactor

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

TOTP = "3f1d1a52-53a5-4a1b-8c9a-0d6a3b1c2e4f"


@pytest.fixture
async def service(project: Project, database_url: str) -> AsyncIterator[Service]:
    key = Secret(project.server.service_role_key)
    accounts = AccountSettings(store="supabase", supabase=SupabaseSettings(url=project.url, service_role_key=key))
    step, limits = SecondStepSettings(source="supabase"), LimitSettings(mailbox_daily=100)
    settings = settings_for(
        database_url, accounts=accounts, second_step=step, limits=limits, sign_in_url="http://x.test"
    )
    async with running(settings) as service:
        yield service


async def test_a_code_that_supabase_takes_sets_the_password_and_no_session_is_left(
    project: Project, service: Service
) -> None:
    users = project.server.users
    users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039")])
    token = await service.link()
    assert (await reset_with(service, token)).json()["methods"] == [{"method": "totp", "hint": ""}]
    for code in ("000000", "48 2039", "../../admin"):
        assert problem(await reset_with(service, token, "totp", code)) == "401 second-step-rejected"
    assert users.sessions() == 0
    assert problem(await reset_with(service, token, "totp", "492 039")) == "200"
    assert users.sessions() == 0
    assert (await project.sign_in(ADA, NEW_PASSWORD)).status_code == 200


async def test_who_has_no_verified_factor_needs_none(project: Project, service: Service) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, status="unverified", code="492039")])
    assert problem(await reset_with(service, await service.link())) == "200"


async def test_a_factor_that_cannot_be_checked_so_is_no_way_round(project: Project, service: Service) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, factor_type="phone", code="492039")])
    answer = await reset_with(service, await service.link(), "totp", "492039")
    assert problem(answer) == "401 second-step-required"
    assert answer.json()["methods"] == [{"method": "other", "hint": ""}]


async def test_where_supabase_gives_no_answer_nothing_is_set_and_no_try_is_lost(
    project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039")])
    token = await service.link()
    for before in range(7):  # the account, its factors twice, the link, the session, the challenge, the answer
        project.server.coming.clear()
        project.server.coming += [*[None] * before, Outage.CUT]
        assert problem(await reset_with(service, token, "totp", "492039")) == "503 unavailable"
    project.server.coming.clear()
    rejected = await reset_with(service, token, "totp", "000000")
    assert rejected.json()["triesLeft"] == 4
