"""Elements with the attribute `light`: in the page itself, within reach of password managers."""

import re

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import FORGOT, RESET, App
from tests.browser.elements.test_looks import LEAKS
from tests.driver.service import NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

LIGHT = RESET.replace(" url", " light url")
FIELDS = """() => [...document.querySelectorAll('form input')].filter(field => field.type != 'hidden')
    .map(field => [field.type, field.name, field.autocomplete, field.form != null, field.labels?.length ?? 0])"""
LABEL = """() => {
    const all = getComputedStyle(document.querySelector('keyturn-forgot label'))
    return [...all].filter(name => !name.startsWith('--')).map(name => name + ': ' + all[name]) }"""


async def test_a_password_is_set_in_a_form_of_the_page_with_what_a_password_manager_reads(
    app: App, keyturn: Service
) -> None:
    lucy = (await keyturn.add("lucy@northwind.test")).email
    app.pages["light"] = LIGHT
    async with app.open(f"/light?token={await keyturn.link(lucy)}") as page:
        field = page.get_by_label("New password", exact=True)
        await expect(field).to_be_visible()
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


@pytest.mark.usefixtures("keyturn")
async def test_its_styles_leave_the_page_alone_and_its_ids_are_its_own(app: App) -> None:
    app.pages["light"] = (
        f"<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>{FORGOT.replace(' url', ' light url')}"
    )
    app.pages["plain"] = "<h2 part=heading>Own</h2><input id=email><ul><li>x</ul>"
    styles = "['h2', 'input', 'li'].map(tag => Object.values(getComputedStyle(document.querySelector(tag))).join())"
    async with app.open("/light") as one, app.open("/plain") as other:
        await expect(one.get_by_label("Email")).to_be_visible()
        assert await one.evaluate(styles) == await other.evaluate(styles)
        ids = await one.evaluate("[...document.querySelectorAll('[id]')].map(found => found.id)")
        assert len(ids) == len(set(ids))
        assert await one.evaluate("document.adoptedStyleSheets.length") == 1


@pytest.mark.usefixtures("keyturn")
async def test_a_cloned_page_has_its_form_once_and_it_inherits_no_style_of_the_text_around_it(app: App) -> None:
    app.pages["light"] = FORGOT.replace(" url", " light url")
    async with app.open("/light", bypass_csp=True) as page:
        await expect(page.get_by_label("Email")).to_be_visible()
        before = await page.evaluate(LABEL)
        await page.add_style_tag(content=LEAKS)
        assert await page.evaluate(LABEL) == before
        await page.evaluate(
            "document.querySelector('main').replaceWith(document.querySelector('main').cloneNode(true))"
        )
        await expect(page.get_by_role("button", name="Send the link")).to_have_count(1)
        await expect(page.get_by_label("Email")).to_have_count(1)
