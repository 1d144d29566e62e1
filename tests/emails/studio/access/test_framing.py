"""No page of another origin may show the studio in a frame."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar import Litestar, MediaType, get
from litestar.params import FromQuery
from playwright.async_api import BrowserContext, expect
from tests.serving import serving

from keyturn.studio.web import Studio, create_studio_app

pytestmark = pytest.mark.long


@pytest.fixture
def around() -> Iterator[str]:
    """Serve a page of another site that shows the address of its query in a frame; return its origin."""

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def page(shown: FromQuery[str]) -> str:
        return f'<iframe src="{shown}" style="width: 900px; height: 700px"></iframe>'

    with serving(Litestar([page], openapi_config=None)) as url:
        yield url.replace("127.0.0.1", "localhost")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_of_another_site_shows_nothing_of_it(context: BrowserContext, served: str, around: str) -> None:
    page = await context.new_page()
    async with page.expect_console_message(lambda message: "frame-ancestors" in message.text) as refused:
        await page.goto(f"{around}/?shown={served}/templates/greeting")
    assert served.removesuffix("/studio") in (await refused.value).text
    await expect(page.frame_locator("iframe").get_by_role("status")).to_have_count(0)
    await page.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_an_open_page_says_what_to_do_when_a_restarted_studio_refuses_it(
    context: BrowserContext, studio: Studio
) -> None:
    page = await context.new_page()
    with serving(create_studio_app(replace(studio, token="t" * 22))) as url:
        await page.goto(f"{url}/studio/templates/greeting?token={'t' * 22}")
        await expect(page.get_by_role("status")).to_have_text("watching email_templates")
        await context.clear_cookies()
        await page.reload()
        await expect(page.get_by_text("after a restart, open the new address")).to_be_visible()
        await page.goto(f"{url}/studio/templates/greeting?token={'t' * 22}")
        await page.route("**/studio/events", lambda route: route.fulfill(status=403))
        await page.reload()
        await expect(page.get_by_role("status")).to_contain_text("open the address with ?token=")
        await page.close()
        studio.stopping.set()
