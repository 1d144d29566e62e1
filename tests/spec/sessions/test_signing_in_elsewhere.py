"""Signing in with the hash of a store that cannot join the transaction which opens the session."""

from typing import Any

import pytest
from tests.driver.elsewhere import Readable
from tests.driver.service import ADA, ME, NEW_PASSWORD, PASSWORD, Service, change, problem

from keyturn import Account

pytestmark = pytest.mark.any_database


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"store": Readable(Account(id="u-1", email=ADA))}


async def test_the_password_signs_in_and_a_change_ends_all_other_sessions_and_a_reset_all(service: Service) -> None:
    here, there = await service.sign_in(), await service.sign_in()
    assert (await here.get(ME)).json()["id"] == "u-1"
    assert await change(here) == "200"
    assert [problem(await client.get(ME)) for client in (here, there)] == ["200", "401 not-signed-in"]
    assert problem(await service.reset(await service.link(), "a third password, please")) == "200"
    assert problem(await here.get(ME)) == "401 not-signed-in"
    passwords = (PASSWORD, NEW_PASSWORD, "a third password, please")
    assert [await service.knows(one) for one in passwords] == [False, False, True]
