"""Checks in a real browser: they come after the mail."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from tests.emails.studio.on_screen import mail, open_sample, save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

END = "<mj-text>The end"


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
