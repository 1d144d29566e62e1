"""The service as a browser finds it: what stands at "/", and what at an address where there is
nothing.
"""

import httpx2
import pytest
from tests.driver.service import ADA, LOGIN, PASSWORD, Service, problem
from tests.driver.visitor import heading
from tests.spec.pages.school import OpenSchool

pytestmark = pytest.mark.long

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture
def client(school: Service) -> httpx2.AsyncClient:
    return school.anywhere()


async def test_a_visit_begins_at_the_sign_in(client: httpx2.AsyncClient) -> None:
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_password_managers_find_where_a_password_is_changed(
    client: httpx2.AsyncClient, school: Service, open_school: OpenSchool
) -> None:
    """As https://w3c.github.io/webappsec-change-password-url/ says, its test for pages that answer
    all included.
    """
    answer = await client.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=%2Freset-password",
    )
    nothing = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    assert (await client.get(nothing, headers={"Accept": CHROME})).status_code == 404

    await school.add(ADA)
    (await client.post(LOGIN, json={"email": ADA, "password": PASSWORD})).raise_for_status()
    assert (await client.get("/.well-known/change-password")).headers[
        "location"
    ] == "/reset-password"

    elsewhere = await open_school(store=school.accounts, accounts={"store": "table"})
    answer = await elsewhere.anywhere().get("/.well-known/change-password")
    assert answer.headers["location"] == "/forgot-password"


async def test_a_browser_finds_a_page_where_there_is_nothing(client: httpx2.AsyncClient) -> None:
    missing = [("GET", path, 404) for path in ("/nowhere", "/reset-password/a/b", "/apiary")]
    for method, path, status in (*missing, ("POST", "/nowhere", 404), ("GET", "/logout", 405)):
        page = await client.request(method, path, headers={"Accept": CHROME})
        assert page.status_code == status
        assert heading(page) == "Page not found"
        assert '<a class="button" href="/">Go back</a>' in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.headers["cache-control"] == "no-store"
        assert "set-cookie" not in page.headers


async def test_a_program_gets_a_problem_and_so_does_a_browser_where_programs_talk(
    client: httpx2.AsyncClient,
) -> None:
    for accept in (
        "*/*",
        "",
        "application/json",
        "application/problem+json",
        "text/html;q=0.5, */*",
    ):
        assert problem(await client.get("/nowhere", headers={"Accept": accept})) == "404 not-found"
    nothing = ("/api/auth/nothing", "/health/nothing", "/webhooks/nothing", "/schema/nothing.json")
    for path in ("/api", "/metrics", *nothing):
        answer = await client.get(path, headers={"Accept": CHROME, "Via": "1.1 somewhere"})
        assert problem(answer) == "404 not-found"
