"""Finding one's way with the keyboard: the palette."""

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.on_screen import open_sample

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_the_palette_goes_to_what_is_typed_and_acts_on_the_page(page: Page, served: str) -> None:
    await open_sample(page, served)
    palette, field = page.get_by_role("dialog", name="Find"), page.get_by_role("combobox", name="Find a template")
    chosen = palette.locator("[aria-selected=true]")

    tab = page.get_by_role("link", name="Links")
    await tab.focus()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("no such thing")
    await expect(palette).to_contain_text("No matches.")
    await page.keyboard.press("Escape")
    await expect(tab).to_be_focused()

    await page.keyboard.press("Control+k")
    await expect(field).to_be_focused()
    await page.keyboard.type("grace")
    await expect(chosen).to_have_text("greeting / graceSample")
    assert await field.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace")
    await expect(palette).to_be_hidden()

    await page.get_by_role("button", name="Find a template").click()
    await page.keyboard.type("dark")
    await expect(chosen).to_contain_text("Dark")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace&scheme=dark")

    await page.keyboard.press("Control+k")
    await page.keyboard.type("base")
    await expect(chosen).to_have_text("_layout/base.mjmlShared file")
    async with page.context.expect_page() as opened:
        await page.keyboard.press("Control+Enter")
    assert (await opened.value).url == f"{served}/files/_layout/base.mjml?scheme=dark"
    await (await opened.value).close()
