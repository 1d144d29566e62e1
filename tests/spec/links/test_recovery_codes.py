"""Recovery codes, which stand in for a second factor."""

import os
from typing import Any

import pytest
from tests.driver.second_factors import BUILTIN, enrol, reset_with
from tests.driver.service import ADA, FREE, Service, problem

pytestmark = pytest.mark.any_database


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_step": BUILTIN, "limits": FREE, "prepare": enrol}


async def test_a_recovery_code_stands_in_once_however_it_is_typed(service: Service) -> None:
    codes = await service.operator.renew_recovery_codes(ADA)
    token = await service.link()
    methods = (await reset_with(service, token)).json()["methods"]
    assert [one["method"] for one in methods] == ["totp", "recovery_code"]
    assert (await reset_with(service, token, "recovery_code", codes[0].lower().replace("-", " "))).status_code == 200
    again = await reset_with(service, await service.link(), "recovery_code", codes[0], "a third password, please")
    assert problem(again) == "401 second-step-rejected"
    for number, code in enumerate(codes[1:]):
        answer = await reset_with(service, await service.link(), "recovery_code", code, f"{number} loud lighthouses")
        assert problem(answer) == "200", "only the code that was used has ended"


async def test_recovery_codes_alone_are_no_factor_and_those_of_another_account_are_refused(service: Service) -> None:
    zoe = await service.add("zoe@northwind.test")
    codes = await service.operator.renew_recovery_codes(zoe.email)
    assert (await reset_with(service, await service.link(zoe.email))).status_code == 200
    await enrol(service, zoe.email, os.urandom(20))
    await service.operator.renew_recovery_codes(ADA)
    answer = await reset_with(service, await service.link(), "recovery_code", codes[0])
    assert problem(answer) == "401 second-step-rejected"
