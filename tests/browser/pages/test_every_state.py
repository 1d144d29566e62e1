"""Every page in each of its states: no script fails there, and everything fits whatever size of
type is wanted.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser
from tests.browser.pages.screens import WRONG, Screens, Shown
from tests.driver.service import Service
from tests.every_language import SHAPES, TAGS, each_language
from tests.servers.serving import serving_here

from keyturn.service.pages.preview import PagePreview

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

USE = """() => {
    for (const input of document.querySelectorAll('main input:not([type=hidden], [readonly])')) {
        if (input.type == 'radio') input.click()
        else input.value = 'northwind 7'
        for (const name of ['input', 'change'])
            input.dispatchEvent(new Event(name, {bubbles: true}))
    }
    for (const button of document.querySelectorAll('button[type=button]')) button.click()
    return new Promise(done => setTimeout(done))
}"""
SMALL_TYPE = """least =>
    [...document.querySelectorAll('h1, p, label, button, input:not([type=hidden])')]
    .filter(e => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < least)
    .map(e => e.outerHTML)"""

SMALL_TARGETS = """() =>
    [...document.querySelectorAll('button, input:not([type=radio]), .ways a, .button')]
    .filter(e => e.checkVisibility() && !e.matches('.unseen'))
    .filter(e => e.getBoundingClientRect().height < 44)
    .map(e => e.outerHTML)"""

PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Ends when observers of sizes have made room for what they saw."""


TELLING = {
    *(
        "forgot",
        "forgot-error",
        "sent",
        "reset-refused",
        "invitation",
        "link-used",
        "sign-in-changed",
        "settings",
    ),
    *(
        "busy",
        "code-refused",
        "second-step-wrong",
        "asked",
        "secure-locks",
        "secured",
        "security-link-dead",
    ),
    *("sent-code", "second-step-sent", "second-step-impossible"),
}
"""Between them they have everything that a page is made of."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def screens(shown: Shown, browser: Browser) -> AsyncIterator[Screens]:
    async with serving_here(shown) as address:
        yield Screens(browser, address)


def each_state(language: str, served: Service) -> Iterator[tuple[str, str]]:
    """Yield the name of each state, and its page."""
    preview = PagePreview(lambda: served.container.settings)
    for name, _, _ in preview.states:
        yield name, preview.page(name, language, "", "")


AXE = (
    "axe.run({resultTypes: ['violations']}).then(all => all.violations.map(one => [one.id, "
    "one.nodes[0].html]))"
)


@pytest.mark.parametrize(
    ("language", "width", "type_size", "scheme"),
    [
        pytest.param("de", 320, 32, "", id="large type"),
        pytest.param("ar", 375, 32, "dark", id="right to left"),
        pytest.param("en", 320, 16, "light", id="as it is"),
        pytest.param("en", 1280, 32, "", id="a wide screen", marks=pytest.mark.nightly),
        pytest.param("de", 640, 16, "", id="a zoom of 200 %", marks=pytest.mark.nightly),
    ],
)
async def test_every_state_fits_at_any_size_of_type_can_be_touched_and_axe_finds_nothing(
    language: str,
    width: int,
    type_size: int,
    scheme: Any,
    shown: Shown,
    screens: Screens,
    served: Service,
) -> None:
    wrong = {}
    view: Any = {
        "viewport": {"width": width, "height": 700},
        "device_scale_factor": 2 if width == 640 else 1,
    }
    # axe has styles of its own, which the policy refuses
    view |= (
        {"color_scheme": scheme, "reduced_motion": "reduce", "bypass_csp": True} if scheme else {}
    )
    async with screens.open(**view) as page:
        await page.add_init_script(path=AXE_FILE_PATH)
        devtools = await page.context.new_cdp_session(page)
        await devtools.send(
            "Page.setFontSizes", {"fontSizes": {"standard": type_size, "fixed": type_size}}
        )
        for name, html in each_state(language, served):
            shown.html = html
            await page.goto("/shown")
            await page.evaluate(PAINTED)
            found = await page.evaluate(WRONG) + await page.evaluate(
                SMALL_TYPE, type_size * 13 / 16
            )
            found += await page.evaluate(SMALL_TARGETS)
            if found or (scheme and name in TELLING and (found := await page.evaluate(AXE))):
                wrong[name] = found
        await page.goto("/schema")
        assert not scheme or await page.evaluate(AXE) == []
    assert wrong == {}


@each_language("tag", TAGS, telling=SHAPES)
async def test_every_page_fits_in_every_language_and_no_script_fails(
    tag: str, shown: Shown, screens: Screens, served: Service
) -> None:
    wrong = []
    async with screens.open() as page:
        for name, html in each_state(tag, served):
            shown.html = html
            await page.goto("/shown", wait_until="load" if tag == "en" else "domcontentloaded")
            await page.evaluate("() => new Promise(requestAnimationFrame)")
            for width in (320, 1280):
                await page.set_viewport_size({"width": width, "height": 700})
                wrong += [(name, width, found) for found in await page.evaluate(WRONG)]
            if tag == "en":
                await page.evaluate(USE)
            wrong += [(name, 0, mishap) for mishap in screens.mishaps]
            screens.mishaps.clear()
    assert wrong == []
