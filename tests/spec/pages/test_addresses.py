"""The hosted pages answer where their addresses are."""

from typing import Any

import httpx2
import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, heading, words
from tests.spec.pages.school import OpenSchool, visiting
from tests.spec.pages.test_behind_a_prefix import reset_by_the_pages, submit

pytestmark = pytest.mark.long

RESET, FORGOT, SIGN_IN = "/change-password.html", "/account/forgot-password.html", "/sign-in"


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {
        "reset_url": f"{{base_url}}{RESET}?code={{token}}&for={{email}}",
        "forgot_url": f"{{base_url}}{FORGOT}",
        "sign_in_url": f"{{base_url}}{SIGN_IN}/",
    }


@pytest.fixture
def client(service: Service) -> httpx2.AsyncClient:
    return service.anywhere()


async def test_the_story_happens_at_the_addresses_of_settings(
    service: Service, client: httpx2.AsyncClient
) -> None:
    page = await client.get("/", follow_redirects=True)
    assert (page.url.path, heading(page)) == (SIGN_IN, "Sign in")
    assert f'<a href="{FORGOT}">Forgot password?</a>' in page.text
    site = "http://127.0.0.1:8000"
    await reset_by_the_pages(
        service, client, site, "keyturn_link", "/security-settings", FORGOT, RESET, SIGN_IN
    )
    page = await client.get(f"{FORGOT}")
    assert f'<a href="{FORGOT}?another">' in (await submit(client, page, email=ADA)).text


async def test_nothing_is_left_at_the_usual_ones_and_a_broken_form_leads_back(
    client: httpx2.AsyncClient,
) -> None:
    for path in ("/forgot-password", "/reset-password", "/reset-password/x", "/login"):
        assert (await client.get(path)).status_code == 404
    answer = await client.get("/security-settings")
    assert answer.headers["location"] == f"{SIGN_IN}?next=%2Fsecurity-settings"
    for path in (RESET, FORGOT, SIGN_IN):
        page = await client.post(path, data={})
        assert (page.status_code, heading(page)) == (403, "This form is out of date")
        assert f'<a class="button" href="{path}">' in page.text


async def test_a_link_is_read_by_the_names_of_its_pattern_alone(
    service: Service, client: httpx2.AsyncClient
) -> None:
    page = await client.get(
        f"{RESET}?code={await service.link()}&for=eve%40northwind.test", follow_redirects=True
    )
    assert (page.status_code, heading(page)) == (400, "This link does not work")
    assert f'href="{FORGOT}">Request a new link' in page.text
    client.cookies.clear()
    page = await client.get(f"{RESET}?token=x", follow_redirects=True)
    assert heading(page) == "Open the link in your email"


async def test_a_token_behind_the_hash_is_handed_on_by_its_name(open_school: OpenSchool) -> None:
    school = await open_school(reset_url="{base_url}/choose#t={token}")
    await school.add(ADA)
    visitor = visiting(school)
    page = await visitor.get("/choose")
    assert 'action="/choose/open"' in page.text
    assert 'data-token="t" data-email="email"' in page.text
    answer = await visitor.submit("/choose", "/choose/open", token=await school.link())
    assert f"For {ADA}" in words(await visitor.follow(answer))


@pytest.fixture
async def school(open_school: OpenSchool) -> Service:
    """Open a site whose team has pages of its own, at addresses that happen to be below another
    one.
    """
    own = "https://app.northwind.example"
    return await open_school(reset_url=f"{own}/reset/{{token}}", forgot_url=f"{own}/forgot")


async def test_beside_pages_of_an_app_the_hosted_ones_keep_their_paths_and_lead_to_the_app_s(
    visitor: Visitor,
) -> None:
    assert heading(await visitor.get("/forgot-password")) == "Forgot your password?"
    for path in ("/reset-password", "/login"):
        assert 'href="https://app.northwind.example/forgot"' in (await visitor.get(path)).text
    page = await visitor.follow(await visitor.get("/reset-password/x"))
    assert 'href="https://app.northwind.example/forgot"' in page.text
