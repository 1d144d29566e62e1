"""The canvas in a real browser: its toolbar, the edge of the paper, and the way between pixels and lines."""

import re

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.on_screen import canvas, mail, open_sample

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

BUTTON = "line=greeting%2Fgreeting.mjml%3A6"

CELL_OF_BUTTON = """frame => {
  const cell = frame.contentDocument.querySelector("a").closest("table").parentElement;
  const { left, top, width, height } = cell.getBoundingClientRect();
  return [left, top, width, height];
}"""
"""Where the cell with the button is."""


async def frame_width(page: Page) -> int:
    width: int = await page.locator(".paper iframe").evaluate("frame => frame.clientWidth")
    return width


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


async def test_the_edge_of_the_paper_can_be_dragged_and_moved_with_keys(page: Page, served: str) -> None:
    await open_sample(page, served)
    edge = page.get_by_role("separator", name="Width of the mail")
    box = await edge.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 9, box["y"] + 100)
    await page.mouse.down()
    await page.mouse.move(box["x"] - 61, box["y"] + 100)
    await expect(edge).to_have_attribute("aria-valuenow", "460")
    assert page.url.endswith("?sample=ada")
    await page.mouse.up()
    await expect(page).to_have_url(re.compile("width=460"))
    assert await frame_width(page) == 460
    await expect(page.locator("[data-zoom]")).to_have_text("460 px")

    await page.keyboard.press("ArrowRight")
    await expect(page).to_have_url(re.compile("width=470"))
    await page.keyboard.press("Shift+ArrowLeft")
    await expect(page).to_have_url(re.compile("width=469"))
    await page.keyboard.press("Home")
    await expect(page).to_have_url(re.compile("width=280"))
    await expect(page.get_by_role("link", name="Text", exact=True)).to_have_attribute("href", re.compile("width=280"))
    await page.go_back()
    assert "width" not in page.url
