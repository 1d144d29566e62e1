"""The service below a path of a site, behind a proxy that removes the path."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send
from tests.driver.inbox import links_in
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, Service
from tests.driver.visitor import cookie, form_token, heading, words
from tests.spec.pages.school import KINDS

SITE = "https://account.example.org/account"
ADDRESS = re.compile(r'(?:href|src|action)="(/[^"]*)"')

pytestmark = pytest.mark.long


def without_prefix(app: ASGIApp) -> ASGIApp:
    """Return the proxy: it knows the service's path and no other."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith("/account/"), f"{scope['path']} is not the service's"
        path = scope["path"].removeprefix("/account")
        changed: Any = {**scope, "path": path, "raw_path": path.encode()}
        await app(changed, receive, send)

    return proxy


@pytest.fixture(params=["", "/"], ids=["as it should be", "with a slash"])
def service_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "base_url": SITE + request.param,
        "kinds": KINDS,
        "people": {ADA: {"name": "Ada", "kind": "school"}},
    }


@pytest.fixture
async def browser_of_ada(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client that keeps cookies for their paths, as a browser does, and follows what it is
    told.
    """
    transport = httpx2.ASGITransport(without_prefix(service.app))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url=SITE) as client:
        yield client


async def submit(
    client: httpx2.AsyncClient, page: httpx2.Response, **fields: str
) -> httpx2.Response:
    """Send the page's visible form to where it says, and return the page that a browser is shown
    then.
    """
    action = re.search(r'<form [^>]*action="([^"]*)"(?![^>]*hidden)', page.text)
    url = page.url.join(unescape(action[1])) if action else page.url
    return await client.post(
        url, data={"_csrf_token": form_token(page), **fields}, follow_redirects=True
    )


async def reset_by_the_pages(
    service: Service,
    client: httpx2.AsyncClient,
    site: str,
    link_cookie: str,
    settings: str,
    *paths: str,
) -> None:
    """Go from the request by the mail to the settings: the pages are where `paths` say, below
    `site`.
    """
    forgot, reset, sign_in = paths
    page = await submit(client, await client.get(f"{site}{forgot}"), email=ADA)
    assert (str(page.url), heading(page)) == (f"{site}{forgot}", "Check your email")

    await service.deliver()
    (link,) = [
        link for link in links_in(service.inbox.mails[0]) if link.startswith(f"{site}{reset}")
    ]
    assert cookie(await client.get(link), link_cookie)["path"] == urlsplit(f"{site}{reset}").path
    form = await client.get(link, follow_redirects=True)
    assert (str(form.url), heading(form)) == (f"{site}{reset}", "Choose a new password")
    assert f"For {ADA}" in words(form)

    page = await submit(client, form, email=ADA, password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert str(page.url) == f"{site}{sign_in}"
    assert "Your password was changed. Sign in with your new password." in words(page)
    page = await submit(client, page, email=ADA, password=NEW_PASSWORD)
    assert (str(page.url), heading(page)) == (f"{site}{settings}", "Security settings")
    page = await submit(client, page)
    assert str(page.url) == f"{site}{sign_in}"
    assert "You are signed out." in words(page)


async def test_from_the_request_by_the_mail_to_settings(
    service: Service, browser_of_ada: httpx2.AsyncClient
) -> None:
    paths = ("/forgot-password", "/reset-password", "/login")
    settings = "/school-settings/security"
    await reset_by_the_pages(
        service, browser_of_ada, SITE, "__Secure-keyturn_link", settings, *paths
    )


async def test_every_page_leads_to_addresses_below_the_path_that_answer(
    browser_of_ada: httpx2.AsyncClient,
) -> None:
    page = await browser_of_ada.get("/viewer-settings/security", follow_redirects=True)
    assert str(page.url) == f"{SITE}/login?next=%2Faccount%2Fviewer-settings%2Fsecurity"
    for path in ("/", "/forgot-password", "/reset-password", "/login", "/nowhere", "/schema"):
        page = await browser_of_ada.get(
            path, headers={"Accept": "text/html"}, follow_redirects=True
        )
        addresses = set(ADDRESS.findall(page.text))
        assert len(addresses) > 3
        for address in addresses - {"/account/reset-password/open"}:
            assert address.startswith("/account/")
            assert (
                await browser_of_ada.get(page.url.join(address), follow_redirects=True)
            ).status_code == 200


async def test_cookies_stay_below_the_path_but_for_those_of_the_host(
    browser_of_ada: httpx2.AsyncClient,
) -> None:
    """A cookie whose name begins with __Host- has the path "/" or is thrown away (RFC 6265bis
    4.1.3.2).
    """
    client = browser_of_ada
    page = await client.get("/login?lang=en")
    assert cookie(page, "__Secure-keyturn_language")["path"] == "/account/"
    assert cookie(page, "__Host-keyturn_form")["path"] == "/"
    signed_in = await client.post(
        "/login", data={"_csrf_token": form_token(page), "email": ADA, "password": PASSWORD}
    )
    assert cookie(signed_in, "__Host-keyturn_session")["path"] == "/"
    asked = await client.post(
        "/forgot-password", data={"_csrf_token": form_token(page), "email": ADA}
    )
    assert cookie(asked, "__Secure-keyturn_asked")["path"] == "/account/forgot-password"


async def test_the_description_of_the_api_names_the_path(
    browser_of_ada: httpx2.AsyncClient,
) -> None:
    page = await browser_of_ada.get("/schema", follow_redirects=True)
    assert "/account/api/auth/login" in words(page)
    schema = (await browser_of_ada.get("/schema/openapi.json")).json()
    assert schema["servers"] == [{"url": "/account"}]
    assert "/api/auth/login" in schema["paths"]
