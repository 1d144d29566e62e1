"""A second factor at Supabase Auth: a reset through the admin key does not go round it."""

from typing import Any

import pytest
from tests.contracts.accounts.supabase.project import OLD, Project
from tests.driver.second_factors import audited, reset_with
from tests.driver.service import ADA, NEW_PASSWORD, Service, problem
from tests.servers.supabase import Answer, Outage
from tests.servers.supabase_users import SupabaseFactor

from keyturn.errors import SettingsInvalid
from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep
from keyturn.service.settings import LimitSettings, SecondStepSettings, Secret, SupabaseSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

TOTP = "3f1d1a52-53a5-4a1b-8c9a-0d6a3b1c2e4f"


@pytest.fixture
def service_options(project: Project) -> dict[str, Any]:
    return {
        "accounts": project.account_settings(),
        "second_step": SecondStepSettings(source="supabase"),
        "limits": LimitSettings(mailbox_daily=100),
        "sign_in_url": "http://x.test",
    }


@pytest.mark.long
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


GATEWAY = Answer(404, {"message": "no Route matched with those values"})
NO_FACTORS = [GATEWAY, Answer(404, "404 page not found"), Answer(404, {"code": "user_not_found", "message": ""})]
"""None of them means that an account has no second factor."""


@pytest.mark.usefixtures("service")
async def test_a_server_that_does_not_list_factors_is_a_fault_at_the_start(project: Project) -> None:
    key = Secret(project.server.service_role_key)
    step = SupabaseSecondStep(SupabaseSettings(url=project.url, service_role_key=key))
    await step.require_ready()
    project.server.coming.append(GATEWAY)
    with pytest.raises(SettingsInvalid, match=r"second_step\.source: supabase: .* does not list second factors"):
        await step.require_ready()
    await step.close()


async def test_a_code_that_one_factor_has_refused_costs_a_try_though_another_cannot_be_asked(
    project: Project, service: Service
) -> None:
    factors = [SupabaseFactor(id=TOTP[:-1] + "0", code="111111"), SupabaseFactor(id=TOTP, code="492039")]
    project.server.users.add(ADA, OLD, factors=factors)
    token = await service.link()
    asked = [None] * 7  # the account, its factors twice, the link, the session, and the first factor's two
    for _ in range(4):
        project.server.coming += [*asked, 429]
        assert problem(await reset_with(service, token, "totp", "000000")) == "503 unavailable"
    project.server.coming += [*asked, 429]
    last = await reset_with(service, token, "totp", "000000")
    assert (problem(last), last.json()["reason"]) == ("400 link-dead", "second_step")
    assert (await audited(service)).count("rejected") == 5
    assert project.server.users.sessions() == 0


NO_VERDICT = [
    Answer(status, {"code": code, "message": "No"})
    for status, code in (
        (400, "validation_failed"),
        (401, "bad_jwt"),
        (403, "mfa_ip_address_mismatch"),
        (404, "mfa_factor_not_found"),
        (409, "conflict"),
        (422, "mfa_challenge_expired"),
        (422, ""),
        (429, "mfa_verification_failed"),
        (500, "mfa_verification_failed"),
    )
]


async def test_only_the_documented_refusal_of_a_code_is_a_no_and_costs_a_try(
    project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039")])
    token = await service.link()
    asked = [None] * 6  # the account, its factors twice, the link, the session, the challenge
    others: list[tuple[int, Answer | Outage]] = [(before, Outage.CUT) for before in range(7)]
    others += [(1, answer) for answer in NO_FACTORS]
    for before, answer in others + [(len(asked), answer) for answer in NO_VERDICT]:
        project.server.coming.clear()
        project.server.coming += [*asked[:before], answer]
        assert problem(await reset_with(service, token, "totp", "492039")) == "503 unavailable"
    project.server.coming.clear()
    project.server.coming += [*asked, Answer(403, {"code": "mfa_verification_rejected", "message": "No"})]
    assert (await reset_with(service, token, "totp", "492039")).json()["triesLeft"] == 4
