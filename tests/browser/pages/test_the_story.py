"""The story with nothing but a keyboard, and pages in other scripts and directions."""

import pytest
from playwright.async_api import Page, expect
from tests.browser.pages.screens import Screens
from tests.driver.service import ADA, NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_with_a_keyboard_alone(screens: Screens, school: Service) -> None:
    async with screens.open("/forgot-password") as page:
        await expect(page.get_by_label("Email")).to_be_focused()  # by itself
        await page.keyboard.type(ADA)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()

        await page.goto(f"/reset-password/{await school.link()}")
        await expect(page.get_by_label("New password", exact=True)).to_be_focused()
        await page.keyboard.type(NEW_PASSWORD)
        await tab_to(page, "New password: Show")
        await page.keyboard.press("Space")
        await expect(page.get_by_label("New password", exact=True)).to_have_attribute(
            "type", "text"
        )
        await tab_to(page, "Repeat the new password")
        await page.keyboard.type(NEW_PASSWORD)
        await tab_to(page, "Save the new password")
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(
            page.get_by_label("Password", exact=True)
        ).to_be_focused()  # the address is known
        await page.keyboard.type(NEW_PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Security settings")).to_be_visible()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the thing of that name has the focus, which must be visible on it."""
    for _ in range(10):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        label = await focused.evaluate(
            "e => (e.labels?.[0] ?? e).textContent.trim().replace(/\\s+/g, ' ')"
        )
        if label == name:
            assert await focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
            return
    raise AssertionError(f"no Tab leads to {name}")


MIRRORED = """() => {
    const beside = selector => document.querySelector(selector).getBoundingClientRect()
    const heading = document.createRange()
    heading.selectNodeContents(document.querySelector('h1'))
    return {
        brand: Math.abs(beside('.brand').right - beside('main').right) < 2,
        heading: Math.abs(heading.getBoundingClientRect().right - beside('main').right) < 2,
        show: beside('[data-shows=password]').left < beside('#password').left + 10,
        language: Math.abs(beside('.language svg').right - beside('main').right) < 2,
    }
}"""


async def test_arabic_runs_right_to_left_on_a_small_screen_and_another_language_is_a_click_away(
    screens: Screens, school: Service
) -> None:
    path = f"/reset-password/{await school.link()}"
    async with screens.open(path, locale="ar", viewport={"width": 320, "height": 700}) as page:
        assert await page.evaluate(MIRRORED) == {
            "brand": True,
            "heading": True,
            "show": True,
            "language": True,
        }
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        field = page.locator("#password")
        await expect(field).to_have_css(
            "direction", "ltr"
        )  # what is typed is Latin letters, and dots
        await field.fill("short")
        await page.locator("main [type=submit]").click()
        await expect(page.locator("#password-error")).to_contain_text("12 حرفًا على الأقل")

        await page.get_by_role("button", name="العربية").click()
        await page.get_by_role("link", name="Deutsch").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Neues Passwort wählen")
        await expect(page.locator("html")).to_have_attribute("dir", "ltr")


async def test_the_list_of_languages_needs_no_script_and_fits(screens: Screens) -> None:
    size = {"width": 320, "height": 480}
    async with screens.open(locale="de", viewport=size, java_script_enabled=False) as page:
        names = page.locator("#languages a")
        await expect(names).to_have_count(25)
        await expect(names.first).to_be_hidden()
        await page.get_by_role("button", name="Sprache: Deutsch").click()
        await expect(names.filter(has_text="Deutsch")).to_be_focused()
        await expect(names.filter(has_text="Deutsch")).to_be_in_viewport()
        box = await page.locator("#languages").bounding_box()
        assert box
        assert min(box["x"], box["y"]) >= 16
        assert (box["x"] + box["width"] <= 304, box["y"] + box["height"] <= 464) == (True, True)
        for name in await names.all():
            assert await name.evaluate(
                "e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().height >= 44"
            )
        await page.get_by_role("button", name="Schließen").click()
        await expect(names.first).to_be_hidden()
        await page.get_by_role("button", name="Sprache: Deutsch").click()
        await names.filter(has_text="繁體中文").click()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
