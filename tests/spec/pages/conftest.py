"""A school for each test, with one account and one visitor."""

from functools import partial

import pytest
from tests.driver.service import ADA, Service, Start
from tests.driver.visitor import Visitor
from tests.servers.databases import Databases, SqliteFiles
from tests.spec.pages.school import OPTIONS, OpenSchool, visiting

from keyturn import Account


@pytest.fixture
def databases(sqlite: SqliteFiles) -> Databases:
    """Return one engine: pages write nothing of their own."""
    return sqlite


@pytest.fixture
def open_school(start: Start) -> OpenSchool:
    return partial(start, people={}, **OPTIONS)


@pytest.fixture
async def school(open_school: OpenSchool) -> Service:
    return await open_school()


@pytest.fixture
async def ada(school: Service) -> Account:
    return await school.add(ADA, name="Ada", kind="viewer")


@pytest.fixture
async def token(school: Service, ada: Account) -> str:
    return await school.link(ada.email)


@pytest.fixture
def visitor(school: Service) -> Visitor:
    return visiting(school)


@pytest.fixture
async def signed_in(visitor: Visitor, ada: Account) -> Visitor:
    await visitor.sign_in(ada.email)
    return visitor
