"""Checks in a real browser: they come after the mail; what the browser measures is marked and leads to the line."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from tests.emails.studio.on_screen import mail, open_sample, save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

END = "<mj-text>The end"
CUT = '<mj-text><div style="height:12px;overflow:hidden"><p style="margin:0">Hello<br>hidden line</p></div>The end'
WIDE = '<mj-text><div style="width:340px">Too wide</div>The end'


async def test_what_is_cut_off_is_a_finding_and_a_mark_that_leads_to_its_line(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, END, CUT)
    await open_sample(page, served, "?sample=ada&tab=checks")
    finding = page.locator("#finding-1")
    await expect(finding).to_contain_text("“hidden line” is cut off by the box of greeting/greeting.mjml:8.")
    await expect(finding).to_contain_text("At 320, 375, 600 px.")
    await expect(page.get_by_role("link", name="Findings: 1 error")).to_be_visible()
    mark = page.get_by_role("link", name=re.compile("^error: “hidden line” is cut off"))
    await expect(mark).to_have_count(1)
    await mark.press("Enter")
    await expect(page).to_have_url(re.compile(r"line=greeting%2Fgreeting\.mjml%3A8"))
    await expect(page.locator("#picked-title")).to_contain_text("greeting/greeting.mjml:8")

    save(folder, CUT, END)
    await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")
    await expect(mark).to_have_count(0)
    await expect(page.locator(".measured")).to_have_count(0)


async def test_what_is_too_wide_for_a_phone_is_shown_at_that_width(page: Page, served: str, folder: Path) -> None:
    save(folder, END, WIDE)
    await open_sample(page, served, "?sample=ada&tab=checks")
    finding = page.locator("#finding-1")
    await expect(finding).to_contain_text("wider than the screen")
    await expect(page.locator(".noticed")).to_have_count(0)
    await finding.get_by_role("link", name="Show in the mail").click()
    await expect(page).to_have_url(re.compile("width=320"))
    await expect(page.locator(".noticed.warning")).to_have_count(1)


async def test_a_save_is_drawn_without_waiting_for_its_checks(page: Page, served: str, folder: Path) -> None:
    turn = asyncio.Lock()

    async def one_at_a_time(route: Route) -> None:
        async with turn:
            await route.fulfill(response=await route.fetch())

    await page.route("**/studio/checks/**", one_at_a_time)
    await open_sample(page, served, "?sample=ada&tab=checks")
    await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")

    async with turn:  # none is under way, and none is answered
        save(folder, END, '<mj-text colour="red">It is over')
        await expect(mail(page).get_by_text("It is over")).to_be_attached()
        await expect(page.get_by_role("status")).to_have_text(re.compile("rendered in"))
        await expect(page.get_by_role("complementary")).to_contain_text("No problems found.")
    await expect(page.get_by_role("complementary").locator("#finding-1")).to_contain_text(
        "<mj-text> has no attribute colour"
    )
