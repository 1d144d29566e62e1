"""Which pages may show the studio in a frame: none, unless the command names their origin, as an editor does."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import run

import pytest
from litestar import Litestar, MediaType, get
from litestar.params import FromQuery
from litestar.testing import TestClient
from playwright.async_api import BrowserContext, expect
from tests.emails.studio.on_screen import save
from tests.serving import serving

from keyturn.emails.studio import Studio, create_studio_app
from keyturn.hosts import is_frame_ancestor

pytestmark = pytest.mark.long

EDITOR = ("vscode-webview:", "vscode-file:")
PAGES = {
    "/studio": "'none'",
    "/studio/templates/greeting": "'none'",
    "/studio/frames/greeting": "'self'",
    "/studio/files/_layout/base.mjml": "'none'",
}


def ancestors(studio: Studio, path: str) -> str:
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1") as client:
        policy = client.get(path).headers["content-security-policy"]
    (found,) = re.findall(r"frame-ancestors ([^;]*)", policy)
    return str(found)


@pytest.mark.parametrize(("path", "own"), PAGES.items())
def test_only_origins_that_are_named_may_frame_a_page(studio: Studio, path: str, own: str) -> None:
    assert ancestors(studio, path) == own
    assert ancestors(replace(studio, framed_by=EDITOR), path) == "'self' vscode-webview: vscode-file:"


@pytest.mark.parametrize(
    "text",
    ["vscode-webview:", "https://example.org", "http://127.0.0.1:8080", "https://*.example.org", "https://a-b.test"],
)
def test_an_origin_is_a_scheme_or_has_a_host(text: str) -> None:
    assert is_frame_ancestor(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "example.org",
        "vscode-webview",
        "https://example.org/",
        "https://a.test; script-src *",
        "https:// a",
        "'self'",
    ],
)
def test_nothing_else_gets_into_the_policy(text: str) -> None:
    assert not is_frame_ancestor(text)


def test_the_command_refuses_what_is_no_origin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keyturn", "studio", "--framed-by", "example.org"]
    done = run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "'example.org' is no origin" in done.stderr


@pytest.fixture
def around() -> Iterator[str]:
    """Serve a page of another site that shows the address of its query in a frame; return its origin."""

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def page(shown: FromQuery[str]) -> str:
        return f'<iframe src="{shown}" style="width: 900px; height: 700px"></iframe>'

    with serving(Litestar([page], openapi_config=None)) as url:
        yield url.replace("127.0.0.1", "localhost")


@pytest.mark.asyncio(loop_scope="session")
async def test_in_such_a_frame_the_studio_follows_saves_though_the_browser_keeps_nothing_for_it(
    context: BrowserContext, studio: Studio, folder: Path, around: str
) -> None:
    page = await context.new_page()
    with serving(create_studio_app(replace(studio, framed_by=(around,)))) as url:
        await page.goto(f"{around}/?shown={url}/studio/templates/greeting")
        inside = page.frame_locator("iframe")
        await expect(inside.get_by_role("status")).to_have_text("watching email_templates")
        save(folder, "Hello", "Good morning")
        mail = inside.frame_locator(".paper iframe:not(.arriving)")
        await expect(mail.get_by_text("Good morning Ada")).to_be_visible()
        await page.close()
        studio.stopping.set()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_of_another_site_shows_nothing_of_it(context: BrowserContext, served: str, around: str) -> None:
    page = await context.new_page()
    async with page.expect_console_message(lambda message: "frame-ancestors" in message.text) as refused:
        await page.goto(f"{around}/?shown={served}/templates/greeting")
    assert served.removesuffix("/studio") in (await refused.value).text
    await expect(page.frame_locator("iframe").get_by_role("status")).to_have_count(0)
    await page.close()
