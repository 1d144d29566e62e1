"""Branches, shared parts and other commits, as people see them."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.emails.studio.fixtures import NOTICE
from tests.emails.studio.on_screen import canvas, mail

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

BRANCHES = """{% from "_layout/ui.mjml" import line %}
{% if urgent and not urgent %}
<mj-text>Never</mj-text>
{% endif %}
{% if urgent %}{{ line("Now", size=20) }}{% endif %}
<mj-text>"""


async def test_a_branch_is_unfolded_and_what_is_never_drawn_leads_to_its_line(
    page: Page, served: str, folder: Path
) -> None:
    (folder / "_layout" / "ui.mjml").write_text(
        "{% macro line(text, size=16) %}<mj-text>{{ text }}</mj-text>{% endmacro %}"
    )
    (folder / "notice" / "notice.mjml").write_text(NOTICE.replace("<mj-text>", BRANCHES, 1))
    await page.goto(f"{served}/templates/notice?tab=checks")

    await page.locator("#branches-summary").click()
    await page.get_by_role("link", name="with urgent").click()
    await expect(mail(page).get_by_text("Now")).to_be_attached()
    await expect(page.locator(".crumbs")).to_have_text("notice / branch: with urgent")

    await page.get_by_role("link", name="notice.mjml:3").click()
    await expect(page.locator("#L3.undrawn")).to_be_visible()
    assert await page.locator("#L3").get_attribute("title")

    await page.get_by_role("link", name="_layout/ui.mjml").first.click()
    await page.get_by_role("link", name="Parts").click()
    alone = page.frame_locator('iframe[title^="line(text, size=16), by default"]')
    await expect(alone.locator("body")).not_to_be_empty()
    await page.set_viewport_size({"width": 320, "height": 800})
    assert await canvas(page).evaluate("canvas => canvas.scrollWidth <= canvas.clientWidth")
    await page.set_viewport_size({"width": 1280, "height": 800})
