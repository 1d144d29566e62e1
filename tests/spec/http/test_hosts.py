"""The host names that the service answers."""

import pytest
from tests.driver.service import NOBODY, REQUEST, Service, Start, problem

pytestmark = pytest.mark.any_database

ALLOWED = {"allowed_hosts": ("account.northwind.test", "[2001:db8::1]")}
BASE = "https://Links.northwind.test"


async def test_a_host_on_the_list_and_that_of_the_base_url_are_answered_for(start: Start) -> None:
    service = await start(base_url=BASE, server=ALLOWED)
    for host in (
        "account.northwind.test",
        "ACCOUNT.northwind.test",
        "account.northwind.test:8443",
        "links.northwind.test",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
    ):
        answer = await service.anywhere().post(REQUEST, json={"email": NOBODY}, headers={"host": host})
        assert problem(answer) == "202", host


@pytest.mark.parametrize("path", [REQUEST, "/forgot-password", "/health/live", "/nowhere"])
async def test_no_other_host_is_answered_for(start: Start, path: str) -> None:
    service = await start(base_url=BASE, server=ALLOWED)
    for host in (
        "evil.test",
        "account.northwind.test.evil.test",
        "x.account.northwind.test",
        "account.northwind.test@evil.test",
        "evil.test@account.northwind.test",
        "account.northwind.test:x",
        "account.northwind.test:99999",
        "[",
        "",
        "127.0.0.1",
        "a" * 5_000,
        "\xe9.test",
    ):
        headers = [(b"host", host.encode("latin-1")), (b"x-forwarded-host", b"account.northwind.test")]
        answer = await service.anywhere().get(path, headers=headers)
        assert problem(answer) == "421 misdirected", host
        assert "evil" not in answer.text


async def test_two_hosts_are_none(start: Start) -> None:
    service = await start(base_url=BASE, server=ALLOWED)
    headers = [(b"host", b"account.northwind.test"), (b"host", b"evil.test")]
    assert problem(await service.anywhere().get("/health/live", headers=headers)) == "421 misdirected"


async def test_where_no_host_is_on_the_list_any_will_do(service: Service) -> None:
    assert (await service.anywhere().get("/health/live", headers={"host": "10.0.0.7:8000"})).status_code == 200
