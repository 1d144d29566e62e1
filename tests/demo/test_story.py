"""The whole story in a real browser, as a newcomer lives it."""

import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FrameLocator, Page, expect
from tests.demo.process import Demo, running_demo

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

OLD, NEW = "correct horse battery", "a longer horse, and another battery"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with running_demo([sys.executable, "-m", "keyturn", "demo", "--port", "0"], tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, demo: Demo) -> AsyncIterator[Page]:
    """Open a page that fails the test where a script breaks, a policy is violated or another host is asked."""
    context = await browser.new_context(base_url=demo.url)
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if _foreign(request.url, demo.url) else None)
    await page.goto(demo.address_of("Studio"))
    yield page
    await context.close()
    assert not faults


async def test_somebody_asks_for_a_link_follows_it_and_signs_in_with_the_new_password(page: Page) -> None:
    await page.goto("/forgot-password")
    await page.get_by_label("Email").fill("viewer@example.test")
    await page.get_by_role("button", name="Send the link").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()

    mail = await _open_mail(page, "Reset your Northwind School password")
    async with page.context.expect_page() as opened:
        await mail.get_by_role("link", name="Choose a new password").click()
    reset = await opened.value
    await expect(reset.get_by_text("viewer@example.test")).to_be_visible()
    assert re.fullmatch(r".*/reset-password", reset.url), "the token has left the address bar"

    await reset.get_by_label("New password", exact=True).fill(NEW)
    await reset.get_by_label("Repeat the new password").fill(NEW)
    await reset.get_by_role("button", name="Save the new password").click()
    await expect(reset).to_have_url(re.compile("/login"))

    await _sign_in(reset, OLD)
    await expect(reset.get_by_role("alert")).to_be_visible()
    await _sign_in(reset, NEW)
    await expect(reset).to_have_url(re.compile("/viewer-settings/security"))
    await expect(reset.get_by_role("button", name="Request password change")).to_be_enabled()

    confirmation = await _open_mail(page, "Your Northwind School password was changed")
    await expect(confirmation.get_by_text("If this was you, there’s nothing more to do.")).to_be_visible()


async def _open_mail(page: Page, subject: str) -> FrameLocator:
    await page.goto("/studio/inbox")
    await page.get_by_role("link", name=re.compile(subject)).first.click()
    return page.frame_locator("iframe").first


async def _sign_in(page: Page, password: str) -> None:
    await page.get_by_label("Email").fill("viewer@example.test")
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


def _foreign(url: str, own: str) -> bool:
    return not url.startswith((own, "data:", "blob:", "about:"))
