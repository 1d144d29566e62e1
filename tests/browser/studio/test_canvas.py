"""The canvas in a real browser: its toolbar, the edge of the paper, and the way between pixels and lines."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.on_screen import canvas, mail, open_sample
from tests.studio.web.fixtures import save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

BUTTON = "line=greeting%2Fgreeting.mjml%3A6"

CELL_OF_BUTTON = """frame => {
  const cell = frame.contentDocument.querySelector("a").closest("table").parentElement;
  const { left, top, width, height } = cell.getBoundingClientRect();
  return [left, top, width, height];
}"""
"""Where the cell with the button is."""


async def test_a_pixel_leads_to_its_line(page: Page, served: str) -> None:
    await open_sample(page, served)
    await page.keyboard.press("p")
    await expect(page.get_by_role("button", name="Pick")).to_have_attribute("aria-pressed", "true")
    await mail(page).get_by_role("link", name="Open it").hover()
    await expect(page.locator(".outline-label")).to_have_text("greeting.mjml:6 · mj-button")
    await page.keyboard.press("Escape")
    await expect(page.locator(".outline-label")).to_have_count(0)

    await page.get_by_role("button", name="Pick").click()
    await mail(page).get_by_role("link", name="Open it").click()
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=ada&{BUTTON}")
    shown = page.get_by_role("region", name="Picked: greeting/greeting.mjml:6 mj-button")
    await expect(shown.locator(".wrong")).to_contain_text("<mj-button")
    await expect(page.get_by_role("button", name="Pick")).to_have_attribute("aria-pressed", "false")
    await expect_outline_around_the_button(page)

    await mail(page).get_by_role("link", name="Open it").click()  # picked once: links are links again
    await expect(page).to_have_url(re.compile("tab=links"))
    await shown.get_by_role("link", name="Close").click()
    await expect(page.locator(".outline")).to_have_count(0)


async def expect_outline_around_the_button(page: Page) -> None:
    around = await page.locator(".outline").evaluate(
        "box => [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight]"
    )
    left, top, width, height = await page.locator(".paper iframe").evaluate(CELL_OF_BUTTON)
    assert around == pytest.approx([left - 3, top - 3, width + 6, height + 6], abs=1)


async def test_a_line_leads_to_its_pixels(page: Page, served: str) -> None:
    await open_sample(page, served, "?sample=ada&show=source")
    await page.get_by_role("link", name="Line 7:").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"line=greeting%2Fgreeting\.mjml%3A8"))
    await expect(page.locator(".outline")).to_be_in_viewport()
    await expect(mail(page).get_by_text("The end")).to_be_in_viewport()
    assert await canvas(page).evaluate("canvas => canvas.scrollTop") > 500

    await canvas(page).evaluate("canvas => canvas.scrollTo(0, 0)")
    await page.keyboard.press("s")
    await page.get_by_role("link", name="Line 8:").click()  # the same line again
    await expect(mail(page).get_by_text("The end")).to_be_in_viewport()


async def test_what_is_hidden_in_a_panel_does_not_let_the_page_scroll(page: Page, served: str) -> None:
    await page.set_viewport_size({"width": 1280, "height": 200})  # less than the form of the data
    await open_sample(page, served)
    await page.evaluate("scrollTo(0, 900)")  # as a link to a line does
    await expect(page.get_by_role("link", name="Keyturn studio")).to_be_in_viewport()
    await page.set_viewport_size({"width": 1280, "height": 800})  # the context is shared


async def test_the_source_stays_open_to_an_edit_below_what_is_wrong_with_it(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, "{{ name }}", "{{ nme }}")
    await open_sample(page, served, "?sample=ada&show=source")
    await expect(page.get_by_role("alert", name="'nme' is undefined")).to_be_visible()
    await page.get_by_role("link", name="Edit", exact=True).click()
    await expect(page.get_by_role("textbox", name="Source of")).to_be_focused()
