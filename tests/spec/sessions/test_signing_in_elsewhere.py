"""Signing in with the hash of a store that cannot join the transaction which opens the session."""

from typing import Any

import pytest
from tests.driver.elsewhere import Readable
from tests.driver.service import ADA, CHANGE, ME, NEW_PASSWORD, PASSWORD, Service, problem

from keyturn import Account

pytestmark = pytest.mark.any_database


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"store": Readable(Account(id="u-1", email=ADA))}


async def test_the_password_signs_in_and_a_reset_ends_all_sessions(service: Service) -> None:
    client = await service.sign_in()
    assert (await client.get(ME)).json()["id"] == "u-1"

    assert problem(await service.reset(await service.link())) == "200"
    assert problem(await client.get(ME)) == "401 not-signed-in"
    assert not await service.knows(PASSWORD)
    assert await service.knows(NEW_PASSWORD)


async def test_a_password_that_is_known_is_changed_and_only_this_browser_stays_signed_in(service: Service) -> None:
    here, there = await service.sign_in(), await service.sign_in()
    changed = await here.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})

    assert problem(changed) == "200"
    assert problem(await here.get(ME)) == "200"
    assert problem(await there.get(ME)) == "401 not-signed-in"
