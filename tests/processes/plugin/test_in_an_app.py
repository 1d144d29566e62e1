"""Keyturn in another app: what it does there, and what it leaves as it is."""

from typing import Any

import bcrypt
import httpx2
import pytest
from litestar import Litestar
from litestar.di import Provide
from tests.driver.inbox import Inbox, links_in, token_in
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, problem
from tests.driver.visitor import heading
from tests.processes.plugin.host import KNOWN, REQUEST, RESET, Host, keyturn_settings
from tests.servers.databases import ON_SQLITE

from keyturn import KeyturnPlugin
from keyturn.service.settings import LimitSettings, ServerSettings

pytestmark = pytest.mark.long

CLOSED = {"X-Closed": "yes"}


async def test_from_the_forgotten_password_to_the_apps_own_user(host: Host) -> None:
    """No guard, token or hook of the app stops a user who cannot sign in."""
    async with host.client() as client:
        asked = await client.post(REQUEST, json={"email": ADA.upper()}, headers=CLOSED)
        assert asked.status_code == 202
        await host.container.worker.drain()
        (mail,) = host.inbox.sent_to(ADA, "password_reset")
        token = token_in(mail)
        assert f"https://school.example.org/account/reset-password/{token}" in links_in(mail)

        weak = await client.post(RESET, json={"token": token, "newPassword": "short"})
        assert problem(weak) == "422 password-rejected"
        done = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})
        assert done.status_code == 200
    user = await host.user()
    assert bcrypt.checkpw(NEW_PASSWORD.encode(), str(user.hashed).encode())
    assert user.must_change is False
    assert await host.visits() == 0
    await host.container.worker.drain()
    assert host.inbox.sent_to(ADA, "password_changed")


@ON_SQLITE
async def test_the_apps_routes_and_its_description_are_as_they_were(host: Host) -> None:
    async with host.client(headers=KNOWN) as client:
        answer = await client.get("/notes", headers={"Origin": "https://app.example.org"})
        assert answer.json() == {"api": "the app's", "users": [ADA]}
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["x-after"] == "the app"
        assert (await client.post("/notes", json={})).json() == {"the app says": "403"}
        sent = {"X-CSRFToken": client.cookies["csrftoken"]}
        assert (await client.post("/notes", json={"text": "x" * 100}, headers=sent)).json() == {
            "the app says": "413"
        }
        assert (await client.get("/notes", headers=CLOSED)).status_code == 418
        for path in ("/", "/nowhere", "/forgot-password", "/account", "/account/nowhere"):
            assert (await client.get(path)).json() == {"the app says": "404"}
        assert (await client.get("/login")).text == "the app's own way in"
    schema: dict[str, Any] = host.app.openapi_schema.to_schema()
    assert set(schema["paths"]) == {"/notes", "/login"}
    async with host.client() as stranger:
        assert (await stranger.get("/notes")).json() == {"the app says": "401"}


@ON_SQLITE
async def test_keyturns_answers_are_its_own_and_only_middleware_sees_them(host: Host) -> None:
    async with host.client() as client:
        good = await client.post(REQUEST, json={"email": "a" * 60 + "@northwind.test"})
        assert (
            good.json()["message"] == "If an account exists for that address, a link is on its way."
        )
        bad = await client.post(REQUEST, json={"email": "nothing"})
        assert problem(bad) == "400 invalid-input"
        malformed = await client.post(
            REQUEST, content="{", headers={"Content-Type": "application/json"}
        )
        assert problem(malformed) == "400 invalid-input"
        for answer in (good, bad):
            assert answer.headers["x-school"] == "northwind"
            assert not {"x-after", "x-app", "set-cookie"} & set(answer.headers)


NO_PAGES = keyturn_settings(
    base_url="https://school.example.org",
    reset_url="https://app.example.org/reset?token={token}",
    forgot_url="https://app.example.org/forgot",
    sign_in_url="https://app.example.org/login",
)
BEHIND = keyturn_settings(
    base_url="https://school.example.org/behind",
    sign_in_url="{base_url}/enter",
    limits=LimitSettings(client="1/minute"),
    server=ServerSettings(trusted_proxies=("198.18.0.0/24",)),
)


@ON_SQLITE
@pytest.mark.parametrize(
    "host", [{"pages": False, "path": "/", "settings": NO_PAGES}], indirect=True
)
async def test_without_the_pages_only_the_api_is_there(host: Host) -> None:
    async with host.client(headers=KNOWN) as client:
        assert (await client.get("/api/auth/password-policy")).status_code == 200
        assert (await client.get("/login")).text == "the app's own way in"
        assert (await client.get("/forgot-password")).json() == {"the app says": "404"}
        login = await client.post("/api/auth/login", json={"email": ADA, "password": PASSWORD})
        assert login.status_code == 404


@ON_SQLITE
@pytest.mark.parametrize("host", [{"path": "", "settings": BEHIND}], indirect=True)
async def test_behind_a_proxy_that_takes_the_path_away_and_names_the_client(host: Host) -> None:
    async def check(peer: str, client: str) -> httpx2.Response:
        async with host.client(peer) as proxy:
            sent = {"X-Forwarded-For": f"203.0.113.9, {client}"}
            return await proxy.post(
                "/api/auth/validate-reset-token", json={"token": "t"}, headers=sent
            )

    assert [(await check("198.18.0.1", f"192.0.2.{n}")).status_code for n in (1, 2, 1)] == [
        200,
        200,
        429,
    ]
    assert [(await check("198.51.100.7", f"192.0.2.{n}")).status_code for n in (3, 4)] == [200, 429]
    async with host.client() as client:
        page = await client.get("/forgot-password")
        assert 'href="/behind/keyturn-assets/' in page.text


async def test_an_apps_names_for_its_dependencies_do_not_clash_with_keyturns() -> None:
    plugin = KeyturnPlugin(keyturn_settings(), worker=False, sender=Inbox())
    names = ("api", "call", "lang", "name", "next", "pages", "token", "version", "visit")
    own = {name: Provide(lambda: "the app's", sync_to_thread=False) for name in names}
    app = Litestar(plugins=[plugin], dependencies=own)
    transport = httpx2.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://school.example.org"
    ) as client:
        page = await client.get("/account/forgot-password")
    assert heading(page) == "Forgot your password?"
