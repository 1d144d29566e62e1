"""The mails in a real browser: what is readable, what fits, what can be touched, in light and in
dark.
"""

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.every_language import SHAPES, TAGS, each_language
from tests.studio.samples import branded, read_samples, with_hostile

from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import EmailProps
from keyturn.service.reset.mails.email_props import EMAILS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


CUT_OFF = """() => [...document.querySelectorAll('td, th, p, a, h1, div')]
    .filter(e => e.checkVisibility() && e.clientWidth > 1)
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.outerHTML)"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    yield page
    await page.close()


def longest(kind: type[EmailProps]) -> EmailProps:
    sample = with_hostile(read_samples(kind))["hostile: very long"]
    address = "wilhelmina.oyelaran-featherstonehaugh@upper-harbour-valley-community-college.example"
    return msgspec.structs.replace(sample, email=address)


@each_language("tag", TAGS, telling=SHAPES)
async def test_every_mail_fits_every_screen_in_every_language_and_its_button_can_be_touched(
    tag: str, page: Page
) -> None:
    templates, language, wrong = branded(), Languages("UTC").choose(tag), []
    for name, kind in EMAILS.items():
        await page.set_content(templates.render(longest(kind), language).html)
        for width in (320, 375, 600, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            card = await page.locator(".card").bounding_box()
            button = await page.locator(".button a").bounding_box()
            assert card
            assert button
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append((name, width, "too wide"))
            assert card["width"] == min(width - 24, 560)
            assert card["x"] == (width - card["width"]) / 2
            before = button["x"] - card["x"]
            after = card["width"] - before - button["width"]
            room = before if language.direction == "ltr" else after
            assert room == pytest.approx(26 if width <= 480 else 42, abs=0.1)
            assert button["height"] >= 44
            wrong += [(name, width, found) for found in await page.evaluate(CUT_OFF)]
    assert wrong == []
