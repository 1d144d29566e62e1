"""Elements with the attribute `light`: in the page itself, within reach of password managers."""

import re

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import RESET, App
from tests.driver.service import NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

LIGHT = RESET.replace(" url", " light url")
STYLES = "['h2', 'input', 'li'].map(tag => Object.values(getComputedStyle(document.querySelector(tag))).join())"
IDS = "[...document.querySelectorAll('[id]')].map(found => found.id)"
FIELDS = """() => [...document.querySelectorAll('form input')].filter(field => field.type != 'hidden')
    .map(field => [field.type, field.name, field.autocomplete, field.form != null, field.labels?.length ?? 0])"""


async def test_a_password_is_set_in_a_form_of_the_page_with_what_a_password_manager_reads(
    app: App, keyturn: Service
) -> None:
    lucy = (await keyturn.add("lucy@northwind.test")).email
    app.pages["light"] = f"<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>{LIGHT}"
    app.pages["plain"] = "<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>"
    async with app.open("/plain") as page:
        plain = await page.evaluate(STYLES)
    async with app.open(f"/light?token={await keyturn.link(lucy)}") as page:
        field = page.get_by_label("New password", exact=True)
        await expect(field).to_be_visible()
        assert await page.evaluate(STYLES) == plain, "it leaves the page alone"
        assert len(ids := await page.evaluate(IDS)) == len(set(ids))
        assert await page.evaluate(FIELDS) == [
            ["email", "", "username", True, 0],
            ["password", "password", "new-password", True, 1],
            ["password", "again", "new-password", True, 1],
        ]
        await choose(page, "short", "short")
        await expect(field).to_have_accessible_description(
            re.compile(r"^Not met yet: at least 12 characters\. at least 12 characters – not met yet not a common")
        )
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()
    assert await keyturn.knows(NEW_PASSWORD, lucy)
