"""The mails in a real browser: what is readable, what fits, what can be touched, in light and in dark."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.every_language import TAGS, each_language
from tests.samples import read_samples

from keyturn.languages import Language, Languages
from keyturn.mail.rendering.palette import contrast
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.packaging import folder
from keyturn.reset.mails.email_props import EMAILS
from keyturn.settings import FileOrUrl

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

PLAIN: dict[str, Any] = {"name": "Northwind School"}
BRANDS: dict[str, dict[str, Any]] = {
    "default": PLAIN,
    "yellow": PLAIN | {"accent": "#ffd400", "accent_dark": "#ffd400"},
    "pale": PLAIN | {"accent": "#f7f3d0", "accent_dark": "#f7f3d0"},
    "near-black": PLAIN | {"accent": "#0a0a0a", "accent_dark": "#0a0a0a"},
    "logo that does not load": PLAIN | {"logo": FileOrUrl("http://127.0.0.1:9/logo.png"), "logo_width": 160},
}
MAILS = [next(iter(read_samples(folder("email_templates"), kind).values())) for kind in EMAILS.values()]

MARKED_BY_OUTLOOK = "for (const e of document.querySelectorAll('*')) { e.dataset.ogsc = ''; e.dataset.ogsb = '' }"
TEXTS_AND_GROUNDS = """() => {
    const hex = colour => '#' + colour.match(/\\d+/g).slice(0, 3).map(n => (+n).toString(16).padStart(2, '0')).join('')
    const ground = element => {
        const style = getComputedStyle(element), painted = style.backgroundImage.match(/rgb\\([^)]*\\)/)
        if (painted) return hex(painted[0])
        return style.backgroundColor == 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : hex(style.backgroundColor)
    }
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
    while (words.nextNode()) {
        const element = words.currentNode.parentElement
        if (words.currentNode.data.trim() && element.checkVisibility())
            found.push([words.currentNode.data.trim(), hex(getComputedStyle(element).color), ground(element)])
    }
    for (const image of document.images) found.push([image.alt, hex(getComputedStyle(image).color), ground(image)])
    return found
}"""


CUT_OFF = """() => [...document.querySelectorAll('td, th, p, a, h1, div')]
    .filter(e => e.checkVisibility() && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML)"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    yield page
    await page.close()


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("props", MAILS, ids=lambda props: props.template)
async def test_every_text_is_readable_on_its_ground(
    props: EmailProps, brand: str, branded: Callable[..., Templates], english: Language, page: Page
) -> None:
    await page.set_content(branded(**BRANDS[brand]).render(props, english).html)
    seen = {}
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        seen[scheme] = await page.evaluate(TEXTS_AND_GROUNDS)
    await page.emulate_media(color_scheme="light")
    await page.evaluate(MARKED_BY_OUTLOOK)
    seen["marked by Outlook"] = await page.evaluate(TEXTS_AND_GROUNDS)

    for scheme, texts in seen.items():
        assert len(texts) > 8
        assert [text for text, colour, ground in texts if contrast(colour, ground) < 4.5] == [], scheme
    assert seen["marked by Outlook"] == seen["dark"]
    assert seen["light"] != seen["dark"]


def longest(kind: type[EmailProps]) -> EmailProps:
    """Return the sample with the longest name, or address in a mail that names nobody."""
    samples = read_samples(folder("email_templates"), kind)
    return samples["long_name" if "long_name" in samples else "long_address"]


@each_language("tag", TAGS)
async def test_every_mail_fits_a_phone_and_a_wide_screen_in_every_language(
    tag: str, branded: Callable[..., Templates], page: Page
) -> None:
    templates, language, wrong = branded(), Languages("UTC").choose(tag), []
    for name, kind in EMAILS.items():
        await page.set_content(templates.render(longest(kind), language).html)
        for width in (320, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            card = await page.locator(".card").bounding_box()
            assert card
            if card["width"] != min(width - 24, 560) or await page.evaluate("document.body.scrollWidth") > width:
                wrong.append((name, width, "too wide"))
            wrong += [(name, width, found) for found in await page.evaluate(CUT_OFF)]
    assert wrong == []


@pytest.mark.parametrize("language", ["english", "arabic"])
@pytest.mark.parametrize("kind", EMAILS)
async def test_the_longest_sample_fits_every_screen_and_its_button_is_large_enough_to_touch(
    kind: str, language: str, branded: Callable[..., Templates], page: Page, request: pytest.FixtureRequest
) -> None:
    props = longest(EMAILS[kind])
    await page.set_content(branded().render(props, request.getfixturevalue(language)).html)
    for width in (320, 375, 600, 1280):
        await page.set_viewport_size({"width": width, "height": 700})
        card = await page.locator(".card").bounding_box()
        button = await page.locator(".button a").bounding_box()
        assert card
        assert button

        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert card["width"] == min(width - 24, 560)
        assert card["x"] == (width - card["width"]) / 2
        before = button["x"] - card["x"]
        after = card["width"] - before - button["width"]
        assert (before if language == "english" else after) == pytest.approx(26 if width <= 480 else 42, abs=0.1)
        assert button["height"] >= 44
