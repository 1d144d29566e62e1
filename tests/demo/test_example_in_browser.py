"""An example whose pages are its own: static files with keyturn.js, as a person uses them."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from tests.demo.captured import link_in, newest, token_in

from keyturn.cli.demo.examples import DemoFolder, Example
from keyturn.cli.running import serving
from keyturn.cli.sockets import address_of, listen
from keyturn.service.app import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

NEW = "eleven loud lighthouses"


async def test_a_teacher_asks_on_the_app_s_own_page_and_chooses_a_password_on_the_other(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bound = listen("127.0.0.1", 0)
    example = Example("teacher-resources", f"http://{address_of(bound)}", DemoFolder("teacher-resources"))
    async with example.parts() as parts:
        app = create_app(example.settings, parts=parts, worker=False, more=example.routes())
        async with serving(app, bound):
            context = await browser.new_context(base_url=example.settings.base_url)
            page = await context.new_page()
            faults: list[str] = []
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: faults.append(str(error)))

            await page.goto("/forgot-password.html")
            await page.get_by_label("Email").fill("teacher@resources.test")
            await page.get_by_role("button", name="Send the link").click()
            await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()

            await parts.worker.drain()
            link = link_in(newest(example.settings.mail.capture_dir))
            await page.goto(link)
            await expect(page.get_by_text("teacher@resources.test")).to_be_visible()
            assert token_in(link) not in page.url, "the token has left the address bar"
            await page.get_by_label("New password", exact=True).fill(NEW)
            await page.get_by_label("Repeat the new password").fill(NEW)
            await page.get_by_role("button", name="Save the new password").click()
            await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
            await page.get_by_role("link", name="Sign in").click()
            await expect(page).to_have_url(re.compile("/login$"))

            await context.close()
            assert not faults
        await parts.close()
