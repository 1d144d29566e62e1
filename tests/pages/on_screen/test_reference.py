"""The API's description in a browser."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.pages.on_screen.screens import Screens

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: str, screens: Screens) -> None:
    async with screens.open("/schema", bypass_csp=True, color_scheme=scheme) as page:
        await page.add_script_tag(path=AXE_FILE_PATH)
        found = await page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [violation["id"] for violation in found["violations"]] == []
