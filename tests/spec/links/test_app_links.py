"""Links that open a mobile app: the two files by which systems know it, and the offer on the page."""

from typing import Any

import pytest
from tests.spec.service import Service, Start

from keyturn.settings import AppSettings

pytestmark = pytest.mark.any_database

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"}
DESKTOP = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"}
PRINT = ":".join(["14"] * 32)
APPS = AppSettings(
    apple=("ABCDE12345.org.example.app",),
    android={"org.example.app": (PRINT,)},
    open_url="https://open.example.org/reset/{token}",
    apple_store_id="1234567890",
)
APPLE, ANDROID = "/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"base_url": "https://account.northwind.test", "apps": APPS}


async def test_apple_learns_which_app_opens_which_links(service: Service) -> None:
    answer = await service.anywhere().get(APPLE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    details = [{"appIDs": ["ABCDE12345.org.example.app"], "components": [{"/": "/reset-password/*"}]}]
    assert answer.json() == {"applinks": {"details": details}}
    assert (await service.anywhere().head(APPLE)).status_code == 200


async def test_android_learns_which_package_may_open_links(service: Service) -> None:
    answer = await service.anywhere().get(ANDROID)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    (statement,) = answer.json()
    assert statement == {
        "relation": ["delegate_permission/common.handle_all_urls"],
        "target": {
            "namespace": "android_app",
            "package_name": "org.example.app",
            "sha256_cert_fingerprints": [PRINT],
        },
    }


@pytest.mark.parametrize(
    ("reset_url", "component"),
    [
        ("{base_url}/new/{token}", {"/": "/accounts/new/*"}),
        ("{base_url}/new?t={token}", {"/": "/accounts/new", "?": {"t": "?*"}}),
        ("{base_url}/new#t={token}", {"/": "/accounts/new", "#": "*t=?*"}),
    ],
)
async def test_the_links_are_those_of_the_settings(start: Start, reset_url: str, component: dict[str, Any]) -> None:
    service = await start(base_url="https://northwind.test/accounts", reset_url=reset_url, apps=APPS)
    answer = await service.anywhere().get(f"https://northwind.test{APPLE}")
    assert answer.json()["applinks"]["details"][0]["components"] == [component]


async def test_without_settings_there_are_no_files_and_no_offer(start: Start) -> None:
    service = await start()
    for path in (APPLE, ANDROID):
        assert (await service.anywhere().get(path)).status_code == 404
    async with service.anywhere(headers=PHONE, follow_redirects=True) as phone:
        link = await service.link()
        page = await phone.get(f"/reset-password/{link}")
        assert "Choose a new password" in page.text
        assert link not in page.text


async def test_the_page_offers_the_app_on_a_phone_alone(service: Service) -> None:
    link = await service.link()
    async with service.anywhere(headers=PHONE, follow_redirects=True) as phone:
        page = await phone.get(f"/reset-password/{link}")
        opens = f"https://open.example.org/reset/{link}"
        assert f'<a class="button second" href="{opens}">Open in the app</a>' in page.text
        banner = f'<meta name="apple-itunes-app" content="app-id=1234567890, app-argument={opens}">'
        assert banner in page.text
    async with service.anywhere(headers=DESKTOP, follow_redirects=True) as desktop:
        page = await desktop.get(f"/reset-password/{link}")
        assert "Choose a new password" in page.text
        assert link not in page.text


async def test_a_token_that_was_never_issued_is_not_written_into_a_page(service: Service) -> None:
    async with service.anywhere(headers=PHONE, follow_redirects=True) as phone:
        page = await phone.get("/reset-password/%22%3E%3Cscript%3E")
        assert page.status_code == 400
        assert "<script>" not in page.text
        assert "open.example.org" not in page.text
