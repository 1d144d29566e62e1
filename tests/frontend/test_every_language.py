"""The elements in every language: nothing is wider than a phone, and no word covers another."""

import pytest
from playwright.async_api import expect
from tests.driver.service import NEW_PASSWORD, Service
from tests.every_language import TAGS, each_language
from tests.frontend.app import CHANGE, FORGOT, RESET, App

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

WRONG = """() => {
    const found = document.documentElement.scrollWidth > innerWidth ? [document.documentElement.scrollWidth] : []
    for (const e of document.querySelector('main > *').shadowRoot.querySelectorAll('button, a, label, p, li, h2')) {
        if (!e.checkVisibility() || e.matches('.unseen')) continue
        if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) found.push(['cut off', e.outerHTML])
        if (e.matches('[part=reveal]')) {
            const style = getComputedStyle(e.parentElement.querySelector('input'))
            const room = Math.max(parseFloat(style.paddingLeft), parseFloat(style.paddingRight))
            if (e.offsetWidth + 2 > room) found.push([`${e.offsetWidth + 2} in ${room}`, e.innerText])
        }
    }
    return found
}"""


@each_language("tag", TAGS)
async def test_every_element_fits_a_phone_in_every_language(tag: str, app: App, keyturn: Service) -> None:
    person = (await keyturn.add(f"somebody-{tag.lower()}@northwind.test")).email
    bodies = {"fit-forgot": FORGOT, "fit-card": CHANGE.replace("{email}", person), "fit-reset": RESET}
    app.pages |= {path: body.replace(" url", f' lang="{tag}" url') for path, body in bodies.items()}
    token = await keyturn.link(person)
    wrong = []
    async with app.open("/login", viewport={"width": 320, "height": 640}) as page:
        for path in ("fit-forgot", "fit-card", f"fit-reset?token={token}"):
            await page.goto(f"/{path}")
            await expect(page.locator("[part~=button]")).to_be_visible()
            wrong += await page.evaluate(WRONG)
        await page.locator("[part=reveal]").first.click()
        await page.locator("#password").fill(NEW_PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        wrong += await page.evaluate(WRONG)
        await page.goto("/fit-reset?token=x")
        await expect(page.locator("[part~=button]")).to_be_visible()
        wrong += await page.evaluate(WRONG)
    assert wrong == []
