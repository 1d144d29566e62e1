"""A school that a browser can visit.

Whatever a test does: no error in the console, no request elsewhere.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.browser.pages.screens import Screens, Shown
from tests.driver.service import ADA, Service, running, settings_for
from tests.servers.databases import SqliteFiles
from tests.servers.serving import serving_here
from tests.spec.pages.school import KINDS, LIMITS, OPTIONS, visiting


@pytest.fixture
def databases(sqlite: SqliteFiles) -> SqliteFiles:
    return sqlite


@pytest_asyncio.fixture(loop_scope="session")
async def school(database_url: str) -> AsyncIterator[Service]:
    # A hash takes some time, so that one can press a button again meanwhile.
    async with running(settings_for(database_url, hashing={"cost": 10}, **OPTIONS)) as school:
        await school.add(ADA, name="Ada", kind="viewer")
        yield school


@pytest_asyncio.fixture(loop_scope="session")
async def screens(browser: Browser, school: Service) -> AsyncIterator[Screens]:
    async with serving_here(school.app) as address:
        screens = Screens(browser, address)
        yield screens
    assert screens.mishaps == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(sqlite: SqliteFiles) -> AsyncIterator[Service]:
    """One school for a whole module, without people."""
    url = sqlite.migrated()
    often = dict.fromkeys((*LIMITS, "client"), "10000/minute")
    async with running(settings_for(url, kinds=KINDS, limits=often)) as school:
        yield school
    sqlite.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shown(served: Service) -> Shown:
    return Shown(
        served.app, (await visiting(served).get("/login")).headers["content-security-policy"]
    )


@pytest_asyncio.fixture(loop_scope="session")
async def page(screens: Screens, school: Service) -> AsyncIterator[Page]:
    """Open the form for a new password, with a link of Ada's."""
    async with screens.open(f"/reset-password/{await school.link()}") as page:
        yield page
