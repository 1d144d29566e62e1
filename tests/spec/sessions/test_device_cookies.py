"""Strangers guess at an account until its limit is used up: its owner gets in where they were
before.
"""

from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from tests.driver.elsewhere import Readable
from tests.driver.routes import LOGIN, LOGOUT, RESET
from tests.driver.service import (
    ADA,
    DAN,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)

from keyturn import Account

COOKIE = "keyturn_device"
GUESSES = 3
REJECTED, FULL = "401 credentials-rejected", "429 too-many-requests"
pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"limits": {"account": f"{GUESSES}/15 minutes"}}


async def sign_in(client: httpx2.AsyncClient, password: str = PASSWORD, email: str = ADA) -> str:
    return problem(await client.post(LOGIN, json={"email": email, "password": password}))


async def guess(service: Service, email: str = ADA) -> None:
    """Use up the limit for those who come from anywhere."""
    found = [await sign_in(service.anywhere(), "a guess", email) for _ in range(GUESSES + 1)]
    assert found[-1] == FULL


def with_device(service: Service, value: str) -> httpx2.AsyncClient:
    return service.anywhere(cookies={COOKIE: value})


async def test_strangers_lock_no_user_out_of_a_browser_that_signed_in_before(
    service: Service,
) -> None:
    browser = await service.sign_in()
    await browser.post(LOGOUT)
    await guess(service)
    assert await sign_in(browser, email=ADA.upper()) == "200"


async def test_guesses_at_an_address_are_none_at_that_account_id(
    start: Start, service_options: dict[str, Any]
) -> None:
    service = await start(store=Readable(Account(id=DAN, email=ADA)), **service_options)
    browser = await service.sign_in()
    await guess(service, DAN)
    assert await change(browser) == "200"


async def test_a_browser_has_as_many_guesses_and_no_more_and_uses_up_no_other_s(
    service: Service,
) -> None:
    browser = await service.sign_in()
    found = [
        await sign_in(with_device(service, browser.cookies[COOKIE]), "a guess")
        for _ in range(GUESSES + 1)
    ]
    assert found == [REJECTED] * GUESSES + [FULL]
    assert await sign_in(service.anywhere()) == "200"


async def test_a_cookie_is_good_for_its_own_account_alone(service: Service) -> None:
    await service.add("eve@northwind.test")
    eve = await service.sign_in("eve@northwind.test")
    for email in (ADA, DAN, NOBODY):
        await guess(service, email)
        assert await sign_in(with_device(service, eve.cookies[COOKIE]), PASSWORD, email) == FULL


async def test_a_forged_cookie_counts_as_none(service: Service) -> None:
    browser = await service.sign_in()
    await guess(service)
    true = browser.cookies[COOKIE]
    half = len(true) // 2
    changed = true[:half] + ("B" if true[half] == "A" else "A") + true[half + 1 :]
    forgeries = ["", ".", true[:half], changed, f"{true}x", f"x{true}", "x" * len(true), "x" * 4000]
    assert [await sign_in(with_device(service, forged)) for forged in forgeries] == [FULL] * len(
        forgeries
    )
    assert await sign_in(with_device(service, true)) == "200"


@pytest.mark.long
async def test_where_a_password_was_set_strangers_lock_no_user_out_and_their_count_restarts(
    service: Service,
) -> None:
    token, browser = await service.link(), service.anywhere()
    await guess(service)
    await browser.post(RESET, json={"token": "x" * 43, "newPassword": NEW_PASSWORD})
    assert COOKIE not in browser.cookies
    assert (
        problem(await browser.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD}))
        == "200"
    )
    assert await sign_in(service.anywhere(), NEW_PASSWORD) == "200"
    await guess(service)
    assert await sign_in(browser, NEW_PASSWORD) == "200"


async def test_a_cookie_outlives_a_rotated_key(
    start: Start, service_options: dict[str, Any]
) -> None:
    browser = await (await start()).sign_in()
    keys: dict[str, Any] = {
        "secret_key": "fedcba9876543210" * 4,
        "previous_secret_keys": ["0123456789abcdef" * 4],
    }
    rotated = await start(**keys, **service_options)
    await guess(rotated)
    assert await sign_in(with_device(rotated, browser.cookies[COOKIE])) == "200"


async def test_it_shows_nothing_and_is_out_of_reach_of_scripts_and_of_this_host_alone(
    start: Start,
) -> None:
    service = await start(base_url="https://account.northwind.test")
    first, second = [(await service.sign_in()).cookies[f"__Host-{COOKIE}"] for _ in range(2)]
    assert first != second
    assert ADA not in unquote(first)
    assert ADA.encode() not in urlsafe_b64decode(first)
    assert len(first) == len(second) == 140
    answer = await service.anywhere().post(LOGIN, json={"email": ADA, "password": PASSWORD})
    _, device = answer.headers.get_list("set-cookie")
    assert device.startswith("__Host-keyturn_device=")
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", f"Max-Age={400 * 86400}"):
        assert attribute in device
    assert "Domain" not in device
