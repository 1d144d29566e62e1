"""The page of all findings in a real browser: it fills by itself, follows saves, and is filtered without a flash."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.studio.web.fixtures import save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

RIGHT, WRONG = "<mj-text>The end", '<mj-text colour="red">The end'


async def test_it_fills_follows_saves_and_keeps_what_was_unfolded(page: Page, served: str, folder: Path) -> None:
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    await page.goto(f"{served}/findings")
    warnings, errors = page.locator("#severity-warning"), page.locator("#severity-error")
    await expect(warnings).to_have_text(re.compile(r"^[1-9]\d* warnings?$"))
    await expect(page.get_by_text("This page updates itself.")).to_have_count(0)
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")

    save(folder, RIGHT, WRONG)
    await expect(errors).to_have_text("1 error")
    first = page.locator("#counts-1")
    await first.locator("summary").click()
    await expect(first).to_contain_text("greeting/greeting.mjml:8:10")
    save(folder, "Hello", "Good morning")
    await expect(page.get_by_role("status")).to_have_text(re.compile("rendered in"))
    await expect(first).to_have_attribute("open", "")

    await errors.click()
    await expect(page).to_have_url(re.compile(r"/findings\?severity=error$"))
    await expect(page.locator(".folded-findings > li")).to_have_count(1)
    words = page.get_by_role("searchbox", name="Words in a finding")
    await words.press_sequentially("contrst")
    await expect(page).to_have_url(re.compile("words=contrst"))
    await expect(words).to_be_focused()
    assert await words.evaluate("field => [field.value, field.selectionStart]") == ["contrst", len("contrst")]
    await expect(page.get_by_text("No finding matches these filters")).to_be_visible()
    await page.go_back()
    await expect(page.locator(".folded-findings > li")).to_have_count(1)
    await page.locator("#counts-1 summary").click()
    await page.get_by_role("link", name="greeting/greeting.mjml:8:10").click()
    await expect(page.locator("li:target")).to_contain_text("colour")
    await page.keyboard.press("f")
    await expect(page).to_have_url(re.compile(r"/findings$"))
