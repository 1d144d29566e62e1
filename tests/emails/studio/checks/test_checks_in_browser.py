"""The checks in a real browser: they come after the mail, and lead to its lines."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect
from tests.emails.studio.on_screen import mail, open_sample, save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

WRONG, RIGHT = '<mj-text colour="red">The end', "<mj-text>The end"


def first_finding(page: Page) -> Locator:
    return page.get_by_role("complementary").locator("#finding-1")


async def test_what_was_found_appears_after_the_mail_and_in_the_list(page: Page, served: str, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    await open_sample(page, served)
    await expect(page.get_by_role("link", name="Checks 1 error")).to_be_visible()
    sign = "count => getComputedStyle(count, '::before').content"
    assert "✕" in await page.locator("#tab-checks .error").evaluate(sign), "colour is not the only mark (WCAG 1.4.1)"
    await expect(page.get_by_role("link", name="Findings: 1 error")).to_be_visible()
    await page.keyboard.press("6")
    await expect(first_finding(page)).to_contain_text("<mj-text> has no attribute colour")


async def test_a_save_is_drawn_without_waiting_for_its_checks(page: Page, served: str, folder: Path) -> None:
    turn = asyncio.Lock()

    async def one_at_a_time(route: Route) -> None:
        async with turn:
            await route.fulfill(response=await route.fetch())

    await page.route("**/studio/checks/**", one_at_a_time)
    await open_sample(page, served, "?sample=ada&tab=checks")
    await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")

    async with turn:  # none is under way, and none is answered
        save(folder, RIGHT, WRONG.replace("The end", "It is over"))
        await expect(mail(page).get_by_text("It is over")).to_be_attached()
        await expect(page.get_by_role("status")).to_have_text(re.compile("rendered in"))
        await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")
    await expect(first_finding(page)).to_contain_text("<mj-text> has no attribute colour")


async def test_a_page_that_is_left_as_soon_as_it_is_drawn_asks_for_no_checks(page: Page, served: str) -> None:
    asked: list[str] = []
    await open_sample(page, served)
    page.on("request", lambda request: asked.append(request.url) if "/studio/checks/" in request.url else None)
    await page.evaluate(LEAVES_WHEN_IT_IS_PAINTED)
    async with page.expect_request("**/studio/checks/notice*"):
        await page.get_by_role("link", name="grace", exact=True).click()
    assert not [url for url in asked if "sample=grace" in url]


LEAVES_WHEN_IT_IS_PAINTED = """() => {
  const paint = requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (then) => paint((time) => {
    if (location.search.includes("grace")) {  // the list is painted, too, as checks of the folder end
      window.requestAnimationFrame = paint;
      document.querySelector(".list a[href*='templates/notice']").click();
    }
    then(time);
  });
}"""


async def test_what_was_mended_is_gone_after_the_save(page: Page, served: str, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    await open_sample(page, served, "?sample=ada&tab=checks")
    await expect(first_finding(page)).to_be_visible()
    save(folder, WRONG, RIGHT)
    await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")
    await expect(page.get_by_role("link", name="greeting 2 samples")).to_be_visible()


async def test_a_place_leads_to_its_line_and_the_findings_stay_beside_it(page: Page, served: str, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    await open_sample(page, served, "?sample=ada&tab=checks")
    place = page.get_by_role("link", name="greeting.mjml:8:10")
    await place.focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=ada&show=source&tab=checks#L8")
    await expect(page.locator("li:target")).to_contain_text(WRONG)
    await expect(page.locator("li:target")).to_be_in_viewport()
    await page.go_back()
    await expect(mail(page).get_by_text("Hello Ada")).to_be_visible()


async def test_on_a_phone_a_place_shows_the_pane_with_the_line(page: Page, served: str, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    await page.set_viewport_size({"width": 375, "height": 700})
    await open_sample(page, served, "?sample=ada&tab=checks&pane=details")
    await page.get_by_role("link", name="greeting.mjml:8:10").click()
    await expect(page.locator("li:target")).to_be_in_viewport()
    await expect(page.get_by_role("complementary")).to_be_hidden()


async def test_notes_that_were_unfolded_stay_so(page: Page, served: str, folder: Path) -> None:
    save(folder, "<mj-button href", '<mj-button border-radius="4px" href')
    await open_sample(page, served, "?sample=ada&tab=checks")
    notes = page.locator("#notes")
    await notes.get_by_text("Notes").click()
    await expect(notes).to_have_attribute("open", "")
    save(folder, RIGHT, WRONG)
    await expect(first_finding(page)).to_be_visible()
    await expect(notes).to_have_attribute("open", "")


@pytest.mark.parametrize("width", [320, 375, 1024])
async def test_no_screen_is_too_narrow_for_a_finding(page: Page, served: str, folder: Path, width: int) -> None:
    save(folder, RIGHT, WRONG)
    await page.set_viewport_size({"width": width, "height": 700})
    await open_sample(page, served, "?sample=ada&tab=checks&pane=details")
    await expect(first_finding(page)).to_be_visible()
    assert await page.locator(".detail").evaluate("detail => detail.scrollWidth <= detail.clientWidth")


async def test_tabs_that_do_not_fit_fade_out_until_the_last_is_reached(page: Page, served: str) -> None:
    await open_sample(page, served, "?sample=ada&tab=checks&pane=details")
    tabs = page.locator(".tabs")
    await page.set_viewport_size({"width": 375, "height": 700})
    await expect(tabs).to_have_css("mask-image", "none")
    await page.set_viewport_size({"width": 240, "height": 700})
    await expect(tabs).to_have_css("mask-image", re.compile("gradient"))
    await tabs.evaluate("tabs => { tabs.scrollLeft = tabs.scrollWidth }")
    await expect(tabs).to_have_css("mask-image", "none")


async def test_without_scripts_the_tab_is_a_page(browser: Browser, served: str, folder: Path) -> None:
    save(folder, RIGHT, WRONG)
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 700})
    page = await context.new_page()
    await page.goto(f"{served}/templates/greeting?pane=details")
    await page.get_by_role("link", name="Checks").click()
    await page.get_by_role("link", name="greeting.mjml:8:10").click()
    await expect(page.locator("li:target")).to_contain_text(WRONG)
    await context.close()
