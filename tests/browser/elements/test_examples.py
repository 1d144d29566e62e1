"""The pages of the documentation and of the example, opened as they stand, but for the addresses."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import App
from tests.driver.service import NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

CHECKOUT = Path(__file__).parents[3]
OWN_PAGES = CHECKOUT / "examples" / "own-pages"


def documented() -> str:
    """Return the first page of HTML in the documentation."""
    blocks = re.findall(r"```html\n(.*?)```", (CHECKOUT / "docs" / "frontend.md").read_text(), re.DOTALL)
    page: str = next(block for block in blocks if block.startswith("<!doctype"))
    return page.replace("https://account.example.org", "{keyturn}")


async def test_the_documented_page_and_the_example_s_change_a_password(app: App, keyturn: Service) -> None:
    emma = (await keyturn.add("emma@northwind.test")).email
    app.pages["documented"] = documented()
    # The policy of these tests allows no inline script; the page in the documentation brings its own.
    async with app.open(f"/documented#token={await keyturn.link(emma)}", bypass_csp=True) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", level=1, name="Your password was changed")).to_be_visible()
        assert said == [f"changed for {emma}"]

    for name in ("forgot.html", "reset.html"):
        app.pages[name] = (OWN_PAGES / name).read_text().replace("https://account.northwind.example", "{keyturn}")
    async with app.open(f"/reset.html#token={await keyturn.link(emma)}") as page:
        await choose(page, NEW_PASSWORD + "!", NEW_PASSWORD + "!")
        await expect(page.get_by_role("heading", level=1, name="Your password was changed")).to_be_visible()
        await page.goto("/reset.html#token=nonsense")
        await page.reload()
        await page.get_by_role("link", name="Request a new link").click()
        await page.get_by_label("Email").fill(emma)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Check your email")).to_be_visible()
