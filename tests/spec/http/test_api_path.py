"""Where the routes are for asking, checking and resetting: at `server.api_path`.

Sessions stay where they are.
"""

from typing import Any

import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.service import (
    ADA,
    LOGIN,
    NEW_PASSWORD,
    Service,
    Start,
    problem,
    running,
    settings_for,
)

from keyturn import Account

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

AT_THE_ROOT = {"api_path": "/"}
PAGES: dict[str, Any] = {
    "reset_url": "{base_url}/reset-password.html?token={token}",
    "forgot_url": "{base_url}/forgot-password.html",
}


async def reset_at(service: Service, path: str) -> None:
    client = service.anywhere()
    answer = await client.post(f"{path}/forgot-password", json={"email": ADA})
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    await service.deliver()
    token = service.inbox.mails[-1].text.partition("token=")[2].split()[0]
    answer = await client.post(f"{path}/verify-reset-token", json={"token": token})
    assert answer.json()["valid"]
    answer = await client.post(
        f"{path}/reset-password", json={"token": token, "password": NEW_PASSWORD}
    )
    assert answer.status_code == 200
    assert await service.knows(NEW_PASSWORD)
    assert (await client.get(f"{path}/password-policy")).json()["rules"]


@pytest.mark.parametrize("path", ["/", "/v2/account"])
async def test_they_answer_there_and_nowhere_else(start: Start, path: str) -> None:
    service = await start(server={"api_path": path}, **PAGES)
    await reset_at(service, path.rstrip("/"))
    client = service.anywhere()
    assert (
        problem(await client.post("/api/auth/forgot-password", json={"email": ADA}))
        == "404 not-found"
    )
    assert (
        await client.post(LOGIN, json={"email": ADA, "password": NEW_PASSWORD})
    ).status_code == 200
    assert problem(await client.get(path.rstrip("/") + "/me")) == "404 not-found"
    paths: dict[str, Any] = (await client.get("/schema/openapi.json")).json()["paths"]
    assert {f"{path.rstrip('/')}/forgot-password", "/api/auth/login"} <= {*paths}
    assert "/api/auth/forgot-password" not in paths
    if path != "/":
        missing = await client.get(f"{path}/nothing", headers={"Accept": "text/html"})
        assert problem(missing) == "404 not-found"


async def test_at_the_root_a_form_is_refused_and_the_hosted_pages_step_aside(start: Start) -> None:
    service = await start(server=AT_THE_ROOT, **PAGES)
    client = service.anywhere()
    assert (
        problem(await client.post("/forgot-password", data={"email": ADA}))
        == "415 unsupported-media-type"
    )
    assert problem(await client.get("/forgot-password")) == "405 method-not-allowed"
    assert "Forgot your password?" in (await client.get("/forgot-password.html")).text
    assert "Open the link in your email" in (await client.get("/reset-password.html")).text

    app = "https://app.northwind.test"
    beside = await start(
        server=AT_THE_ROOT, reset_url=f"{app}/reset/{{token}}", forgot_url=f"{app}/forgot"
    )
    client = beside.anywhere()
    assert (await client.post("/forgot-password", json={"email": ADA})).status_code == 202
    assert problem(await client.get("/reset-password")) == "405 method-not-allowed"
    assert f'href="{app}/forgot">Forgot password?' in (await client.get("/login")).text


async def test_without_a_sign_in_here_no_session_is_described_and_the_pages_lead_elsewhere(
    database_url: str,
) -> None:
    settings = settings_for(database_url, sign_in_url="https://app.northwind.test/sign-in?a=1&b=2")
    async with running(settings, accounts=Elsewhere(Account(id="u-1", email=ADA))) as service:
        client = service.anywhere()
        schema = (await client.get("/schema/openapi.json")).json()
        assert LOGIN not in schema["paths"]
        assert [tag["name"] for tag in schema["tags"]] == ["Password reset", "Not me", "Health"]
        assert "Sessions" not in (await client.get("/schema", follow_redirects=True)).text
        assert (await client.get("/", headers={"Accept": "text/html"})).headers[
            "location"
        ] == "/forgot-password"
        page = await client.get("/forgot-password")
        assert 'href="https://app.northwind.test/sign-in?a=1&amp;b=2">Back to sign-in' in page.text
        for path in ("/login", "/logout", "/security-settings"):
            assert problem(await client.get(path)) == "404 not-found"
