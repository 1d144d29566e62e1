"""A school that a browser can visit. Whatever a test does: no error in the console, no request elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.pages.on_screen.screens import Screens, link
from tests.pages.school import School, opened, settings_for
from tests.serving import serving_here

from keyturn.service.settings import HashingSettings


@pytest_asyncio.fixture(loop_scope="session")
async def school(tmp_path: Path) -> AsyncIterator[School]:
    # A hash takes some time, so that one can press a button again meanwhile.
    async with opened(settings_for(tmp_path, hashing=HashingSettings(cost=10))) as school:
        await school.add(name="Ada")
        yield school


@pytest_asyncio.fixture(loop_scope="session")
async def screens(browser: Browser, school: School) -> AsyncIterator[Screens]:
    async with serving_here(school.app()) as address:
        screens = Screens(browser, address)
        yield screens
    assert screens.mishaps == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(screens: Screens, school: School) -> AsyncIterator[Page]:
    """Open the form for a new password, with a link of Ada's."""
    async with screens.open(f"/reset-password/{await link(school)}") as page:
        yield page


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)
