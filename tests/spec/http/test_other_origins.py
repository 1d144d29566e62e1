"""Pages of another origin: the listed ones may call the API, without cookies; no other may read an
answer.
"""

import pytest
from tests.driver.service import REQUEST, Start

APP = "https://app.example.org"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "baggage,content-type,sentry-trace,traceparent",
}

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


async def test_a_page_on_the_list_may_ask_for_a_link_read_when_to_ask_again_and_not_sign_in(
    start: Start,
) -> None:
    service = await start(server={"allowed_origins": (APP,)}, limits={"request": "1/minute"})
    client = service.anywhere(headers={"Origin": APP})
    preflight = await client.options(REQUEST, headers=PREFLIGHT)
    answer, refused = [
        await client.post(REQUEST, json={"email": "ada@northwind.example"}) for _ in range(2)
    ]
    for one in (preflight, answer):
        assert one.headers["access-control-allow-origin"] == APP
    assert (answer.status_code, refused.status_code) == (202, 429)
    assert "access-control-allow-credentials" not in answer.headers
    readable = set(
        refused.headers["access-control-expose-headers"].lower().replace(",", " ").split()
    )
    assert readable == {"retry-after"}
    assert readable <= set(refused.headers)
    credentials = {"email": "ada@northwind.example", "password": "correct horse battery"}
    assert (await client.post("/api/auth/login", json=credentials)).status_code == 403


@pytest.mark.parametrize(("listed", "origin"), [((APP,), "https://evil.example"), ((), APP)])
async def test_another_page_may_read_nothing_and_without_a_list_none_may(
    start: Start, listed: tuple[str, ...], origin: str
) -> None:
    service = await start(server={"allowed_origins": listed})
    client = service.anywhere(headers={"Origin": origin})
    answers = [
        await client.options(path, headers=PREFLIGHT)
        for path in (REQUEST, "/api/auth/login", "/api/auth/me")
    ]
    assert not listed or answers[0].status_code == 400
    for answer in (*answers, await client.get("/api/auth/password-policy")):
        assert "access-control-allow-origin" not in answer.headers
        assert listed or not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize(
    "path", ["/schema/openapi.json", "/forgot-password", "/reset-password/x", "/nowhere"]
)
async def test_no_answer_has_an_address_from_the_host_header(start: Start, path: str) -> None:
    service = await start()
    answer = await service.anywhere().get(
        path, headers={"host": "evil.test", "x-forwarded-host": "evil.test"}
    )
    assert "evil" not in f"{answer.headers} {answer.text}"
