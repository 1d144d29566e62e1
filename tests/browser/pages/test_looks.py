"""What fits, what can be touched, what can be read, what stays where it is."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.browser.pages.screens import Screens
from tests.driver.service import Service

from keyturn.mail.rendering.contrast import contrast

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

HEX = """const pixel = Object.assign(document.createElement('canvas'), {width: 1, height: 1})
    .getContext('2d', {willReadFrequently: true})
const hex = colour => {
    pixel.fillStyle = colour
    pixel.fillRect(0, 0, 1, 1)
    return '#' + [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)].map(n => n.toString(16).padStart(2, '0')).join('')
}"""
EDGE_AND_GROUND = f"""field => {{
    {HEX}
    return [getComputedStyle(field).borderTopColor, getComputedStyle(field).backgroundColor].map(hex)
}}"""


async def test_the_edge_of_a_field_can_be_seen(scheme: str, screens: Screens) -> None:
    async with screens.open(color_scheme=scheme) as page:
        edge, ground = await page.locator("#password").evaluate(EDGE_AND_GROUND)
        assert contrast(edge, ground) >= 3


async def test_nothing_jumps_while_a_page_loads(screens: Screens, school: Service) -> None:
    async with screens.open() as page:
        await page.add_init_script(
            "window.jumps = []; new PerformanceObserver(list => jumps.push(...list.getEntries().map(e => e.value)))"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        for path in ("/login", f"/reset-password/{await school.link()}") * 5:
            await page.goto(path)
            await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert await page.evaluate("jumps") == []


async def test_who_wants_less_motion_gets_none(screens: Screens, school: Service) -> None:
    async with screens.open(f"/reset-password/{await school.link()}", reduced_motion="reduce") as page:
        assert await page.locator(".strength span").evaluate("e => getComputedStyle(e).transitionDuration") == "0s"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_description_of_the_api(scheme: str, screens: Screens) -> None:
    async with screens.open("/schema", bypass_csp=True, color_scheme=scheme) as page:
        await page.add_script_tag(path=AXE_FILE_PATH)
        found = await page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [violation["id"] for violation in found["violations"]] == []
