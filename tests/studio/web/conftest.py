"""A studio over a small folder, asked over HTTP and looked at in a browser."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from litestar.testing import TestClient
from playwright.async_api import Browser, BrowserContext, Page
from tests.browsing import PATIENCE
from tests.servers.serving import serving
from tests.studio.web.elsewhere import Elsewhere
from tests.studio.web.fixtures import Client, Greeting, write_templates

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery import Gallery
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web import Studio, create_studio_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_templates(tmp_path / "email_templates")
    return tmp_path / "email_templates"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def studio(folder: Path, inbox: Path) -> Studio:
    return Studio(
        gallery=Gallery(
            templates=Templates(folder, branding({"name": "Northwind School"}, Palette()), reload=True),
            languages=Languages("UTC", only=("en", "de", "ar")),
            props={"greeting": Greeting},
        ),
        sender="Northwind School <no-reply@northwind.example>",
        captured=CapturedMails(folder=inbox),
        token="",
    )


@pytest.fixture
def captured(studio: Studio) -> CapturedMails:
    assert studio.captured
    return studio.captured


@pytest.fixture
def client(studio: Studio) -> Iterator[Client]:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        yield client


@pytest.fixture
def served(studio: Studio) -> Iterator[str]:
    """Serve the studio on a real socket; return its address."""
    with serving(create_studio_app(studio)) as url:
        yield f"{url}/studio"
        studio.stopping.set()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Serve another host, which mails may name."""
    host = Elsewhere()
    with serving(host.app(), host.connections) as address:
        host.address = address
        yield host


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One for all, since a context costs more than most tests do in it. By its port each test has its own origin."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, served: str) -> AsyncIterator[Page]:
    """Open a page that fails the test where a script breaks, a policy is violated or another host is asked."""
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(served) else faults.append(request.url))
    yield page
    session = await context.new_cdp_session(page)  # another test may get the same port
    await session.send("Storage.clearDataForOrigin", {"origin": served.removesuffix("/studio"), "storageTypes": "all"})
    for opened in context.pages:
        await opened.close()
    assert not faults
