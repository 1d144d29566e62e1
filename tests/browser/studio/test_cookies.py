"""The studio's cookie in a browser, which sends it to every port of its host."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser
from tests.browser.studio.conftest import watched
from tests.servers.serving import send_answer, serving

from keyturn.studio.web.access import browser_host
from keyturn.studio.web.app import Studio, create_studio_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"


class OtherPort:
    """A server of another user of the machine.

    `cookies`: those that browsers sent to it, or None for none.
    """

    def __init__(self) -> None:
        self.cookies: list[bytes | None] = []

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.cookies.append(dict(scope["headers"]).get(b"cookie"))
        await send_answer(send, 200, b"<title>A game</title>", {"content-type": "text/html"})


async def test_no_other_port_gets_the_cookie(browser: Browser, studio: Studio) -> None:
    """A server on another port gets no cookie of the studio, at any host that it can know."""
    other = OtherPort()
    context = await browser.new_context()
    page = await context.new_page()
    with (
        serving(create_studio_app(replace(studio, token=TOKEN))) as url,
        serving(other) as elsewhere,
    ):
        await page.goto(f"{url}/studio?token={TOKEN}")
        await page.get_by_role("link", name="Open the studio").click()
        await watched(page)
        assert urlsplit(page.url).hostname == browser_host(TOKEN)
        assert TOKEN not in page.url
        assert len(await context.cookies()) == 1
        for host in ("127.0.0.1", "localhost", "game.localhost"):
            await page.goto(elsewhere.replace("127.0.0.1", host))
            await page.evaluate("fetch('/studio/x')")
        studio.stopping.set()
    await context.close()
    assert len(other.cookies) >= 6
    assert set(other.cookies) == {None}
