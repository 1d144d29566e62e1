"""What fits, what can be touched, what can be read, what stays where it is."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect
from tests.pages.on_screen.screens import Screens, link
from tests.pages.school import ADA, PASSWORD, School

from keyturn.mail.rendering.contrast import contrast

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

LONG = f"a-name-that-goes-on-and-on-until-the-end@{'northwind.' * 8}example"
HEX = """const pixel = Object.assign(document.createElement('canvas'), {width: 1, height: 1})
    .getContext('2d', {willReadFrequently: true})
const hex = colour => {
    pixel.fillStyle = colour
    pixel.fillRect(0, 0, 1, 1)
    return '#' + [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)].map(n => n.toString(16).padStart(2, '0')).join('')
}"""
TEXTS_AND_GROUNDS = f"""() => {{
    {HEX}
    const ground = element => {{
        const colour = getComputedStyle(element).backgroundColor
        return colour == 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : hex(colour)
    }}
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
    while (texts.nextNode()) {{
        const element = texts.currentNode.parentElement
        if (texts.currentNode.data.trim() && element.checkVisibility() && !element.matches('noscript, :disabled'))
            found.push([texts.currentNode.data.trim(), hex(getComputedStyle(element).color), ground(element)])
    }}
    return found
}}"""
EDGE_AND_GROUND = f"""field => {{
    {HEX}
    return [getComputedStyle(field).borderTopColor, getComputedStyle(field).backgroundColor].map(hex)
}}"""
SMALL_TARGETS = """() => [...document.querySelectorAll('button, input, .ways a, .button')]
    .filter(e => e.checkVisibility() && !e.matches('.unseen') && e.getBoundingClientRect().height < 44)
    .map(e => e.outerHTML)"""


async def visit_what_was_not_me(page: Page, school: School) -> AsyncIterator[str]:
    """Lead a page through that of the link by which people say that it was not them; yield the headings."""
    ada = await school.parts.accounts.find(ADA)
    assert ada
    await page.goto(f"/secure-your-account/{await school.secure_token(ada)}")
    yield "Secure your account"
    await page.get_by_role("button", name="Secure your account").click()
    yield "Your account is secured"
    await page.goto("/secure-your-account/x")
    yield "This link does not work"


async def visit_all(page: Page, school: School) -> AsyncIterator[str]:
    """Lead a page through every screen there is, and yield the heading of each once it is shown."""

    async def shown(heading: str) -> str:
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        return heading

    await page.goto("/forgot-password")
    yield await shown("Forgot your password?")
    await page.fill("#email", "ada@")
    await page.press("#email", "Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    yield "no address"
    await page.fill("#email", LONG)
    await page.press("#email", "Enter")
    yield await shown("Check your email")
    async for said in visit_what_was_not_me(page, school):
        yield await shown(said)
    await page.goto(f"/reset-password/{await link(school)}")
    yield await shown("Choose a new password")
    await page.fill("#password", "Northwind School")
    await page.press("#password", "Enter")
    await expect(page.get_by_text("The two passwords don’t match.")).to_be_visible()
    yield "two different passwords"
    await page.fill("#again", "Northwind School")
    await page.press("#again", "Enter")
    await expect(page.locator("#password-error")).to_contain_text("Not met yet")
    yield "a refused password"
    await page.goto("/reset-password/x")
    yield await shown("This link does not work")
    await page.context.clear_cookies(name="keyturn_link")
    await page.goto("/reset-password")
    yield await shown("Open the link in your email")
    await page.goto("/login")
    yield await shown("Sign in")
    await page.fill("#email", ADA)
    await page.press("#email", "Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    yield "a rejected password"
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    yield await shown("Security settings")
    await page.click("main [type=submit]")
    await expect(page.get_by_role("status")).to_be_visible()
    yield "a requested change"
    await page.context.clear_cookies(name="keyturn_form")
    await page.click("header [type=submit]")
    yield await shown("This form is out of date")


@pytest.mark.parametrize("width", [320, 375, 1280])
async def test_every_screen_fits_and_everything_on_it_can_be_touched(
    width: int, screens: Screens, school: School
) -> None:
    wrong = {}
    async with screens.open(viewport={"width": width, "height": 700}) as page:
        async for name in visit_all(page, school):
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                wrong[name] = "scrolls sideways"
            if small := await page.evaluate(SMALL_TARGETS):
                wrong[name] = small
    assert wrong == {}


async def test_every_text_is_readable_on_its_ground(scheme: str, screens: Screens, school: School) -> None:
    unreadable = []
    async with screens.open(color_scheme=scheme) as page:
        async for name in visit_all(page, school):
            for text, colour, ground in await page.evaluate(TEXTS_AND_GROUNDS):
                if contrast(colour, ground) < 4.5:
                    unreadable.append((name, text, colour, ground))
    assert unreadable == []


async def test_the_edge_of_a_field_can_be_seen(scheme: str, screens: Screens) -> None:
    async with screens.open(color_scheme=scheme) as page:
        edge, ground = await page.locator("#password").evaluate(EDGE_AND_GROUND)
        assert contrast(edge, ground) >= 3


async def test_nothing_jumps_while_a_page_loads(screens: Screens, school: School) -> None:
    async with screens.open() as page:
        await page.add_init_script(
            "window.jumps = []; new PerformanceObserver(list => jumps.push(...list.getEntries().map(e => e.value)))"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        for path in ("/login", f"/reset-password/{await link(school)}") * 5:
            await page.goto(path)
            await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert await page.evaluate("jumps") == []


async def test_who_wants_less_motion_gets_none(screens: Screens, school: School) -> None:
    async with screens.open(f"/reset-password/{await link(school)}", reduced_motion="reduce") as page:
        assert await page.locator(".strength span").evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
