"""A second factor at Supabase Auth: a reset through the admin key does not go round it."""

from typing import Any

import pytest
from tests.contracts.accounts.supabase.conftest import OLD, Project
from tests.driver.second_factors import reset_with
from tests.driver.service import ADA, NEW_PASSWORD, Service, problem
from tests.servers.supabase import Answer, Outage, SupabaseFactor

from keyturn.service.settings import LimitSettings, SecondStepSettings

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
async def test_a_code_that_supabase_takes_sets_the_password_no_session(
    project: Project, service: Service
) -> None:
    users = project.server.users
    users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039")])
    token = await service.link()
    assert (await reset_with(service, token)).json()["methods"] == [{"method": "totp", "hint": ""}]
    for code in ("000000", "48 2039", "../../admin"):
        assert problem(await reset_with(service, token, "totp", code)) == "401 second-step-rejected"
    assert users.sessions == {}
    assert problem(await reset_with(service, token, "totp", "492 039")) == "200"
    assert users.sessions == {}
    assert (await project.sign_in(ADA, NEW_PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    ("factor", "answered", "methods"),
    [
        ({"status": "unverified"}, "200", None),
        ({"factor_type": "phone"}, "401 second-step-required", [{"method": "other", "hint": ""}]),
    ],
    ids=["no verified factor", "one that cannot be checked"],
)
async def test_only_a_verified_factor_is_asked_for_and_one_that_cannot_be_checked_is_no_way_round(
    project: Project, service: Service, factor: dict[str, Any], answered: str, methods: Any
) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039", **factor)])
    answer = await reset_with(service, await service.link(), "totp", "492039")
    assert (problem(answer), answer.json().get("methods")) == (answered, methods)


GATEWAY = Answer(404, {"message": "no Route matched with those values"})
NO_FACTORS = [
    GATEWAY,
    Answer(404, "404 page not found"),
    Answer(404, {"code": "user_not_found", "message": ""}),
]
"""None of them means that an account has no second factor."""


async def test_a_code_that_one_factor_has_refused_costs_a_try_though_another_cannot_be_asked(
    project: Project, service: Service
) -> None:
    factors = [
        SupabaseFactor(id=TOTP[:-1] + "0", code="111111"),
        SupabaseFactor(id=TOTP, code="492039"),
    ]
    project.server.users.add(ADA, OLD, factors=factors)
    token, answers = await service.link(), []
    for _ in range(
        5
    ):  # the account, its factors twice, the link, the session, and the first factor's two
        project.server.coming += [*[None] * 7, 429]
        answers.append(await reset_with(service, token, "totp", "000000"))
    assert list(map(problem, answers)) == ["503 unavailable"] * 4 + ["400 link-dead"]
    assert answers[-1].json()["reason"] == "second_step"
    assert (await service.outcomes("second_step")).count("rejected") == 5
    assert project.server.users.sessions == {}


NO_VERDICT = [
    (400, "validation_failed"),
    (401, "bad_jwt"),
    (403, "mfa_ip_address_mismatch"),
    (404, "mfa_factor_not_found"),
    (409, "conflict"),
    (422, "mfa_challenge_expired"),
    (422, ""),
    (429, "mfa_verification_failed"),
    (500, "mfa_verification_failed"),
]


async def test_only_the_documented_refusal_of_a_code_is_a_no_costing_a_try(
    project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD, factors=[SupabaseFactor(id=TOTP, code="492039")])
    token = await service.link()
    coming: Any = [(before, Outage.CUT) for before in range(7)] + [
        (1, answer) for answer in NO_FACTORS
    ]
    # Six answers: the account, its factors twice, the link, the session, the challenge.
    coming += [(6, Answer(status, {"code": code, "message": "No"})) for status, code in NO_VERDICT]
    for before, answer in coming:
        project.server.coming.clear()
        project.server.coming += [*[None] * before, answer]
        assert problem(await reset_with(service, token, "totp", "492039")) == "503 unavailable"
    project.server.coming.clear()
    project.server.coming += [
        *[None] * 6,
        Answer(403, {"code": "mfa_verification_rejected", "message": "No"}),
    ]
    assert (await reset_with(service, token, "totp", "492039")).json()["triesLeft"] == 4
