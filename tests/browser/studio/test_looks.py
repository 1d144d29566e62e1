"""How others get a mail, in a real browser: Word's rendering with what it leaves out, and read aloud."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.on_screen import mail, open_sample
from tests.studio.web.fixtures import save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

ROUND = '<mj-button href="{{ link }}" border-radius="12px">'


async def test_word_is_a_mode_beside_the_dark_ones_that_leaves_out_what_word_ignores(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, '<mj-button href="{{ link }}">', ROUND)
    await open_sample(page, served)
    await page.get_by_role("link", name="Word (Outlook for Windows, modelled)").click()
    await expect(page).to_have_url(re.compile("scheme=word"))
    button = mail(page).get_by_role("link", name="Open it").locator("xpath=..")
    await expect(button).to_have_css("border-radius", "0px")
    strip = page.get_by_text("Outlook for Windows, modelled", exact=True)
    await expect(strip).to_be_visible()
    await page.keyboard.press("d")
    await expect(page).not_to_have_url(re.compile("scheme"))
    await expect(button).to_have_css("border-radius", "12px")
    await expect(strip).to_have_count(0)


async def test_what_a_mail_leaves_to_the_browser_is_in_the_chosen_scheme_whatever_the_machine_prefers(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, "@media (prefers", ":root { color-scheme: light dark } @media (prefers", "_layout/base.mjml")
    save(folder, "<mj-text>The end", '<mj-text><a href="https://northwind.example/end">The end</a>')
    try:
        for machine in ("dark", "light"):
            await page.emulate_media(color_scheme=machine)
            for scheme, colour in (
                ("light", "rgb(0, 0, 238)"),
                ("word", "rgb(0, 0, 238)"),
                ("dark", "rgb(158, 158, 255)"),
            ):
                await page.goto(f"{served}/templates/greeting?sample=ada&scheme={scheme}")
                await expect(mail(page).get_by_role("link", name="The end")).to_have_css("color", colour)
    finally:
        await page.emulate_media(color_scheme="null")
