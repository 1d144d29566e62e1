"""A school for each test, with one account and one visitor."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.driver.visitor import Visitor
from tests.pages.school import School, opened, settings_for

from keyturn.service.accounts.port import Account


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(settings_for(tmp_path)) as school:
        yield school


@pytest.fixture
async def ada(school: School) -> Account:
    return await school.add(name="Ada")


@pytest.fixture
async def token(school: School, ada: Account) -> str:
    return await school.link(ada)


@pytest.fixture
async def visitor(school: School) -> AsyncIterator[Visitor]:
    async with school.visitor() as visitor:
        yield visitor
