"""A template edited in the browser: typed, rendered, saved, and in conflict with another
program.
"""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import FrameLocator, Locator, Page, Request, Route, expect
from tests.browser.studio.conftest import lost, watched
from tests.studio.web.fixtures import GREETING, capture

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MAIL = "greeting/greeting.mjml"


def text_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name=f"Source of {MAIL}")


def rendered(page: Page) -> FrameLocator:
    return page.frame_locator(".editing-preview iframe:not(.arriving)")


async def open_editor(page: Page, served: str) -> None:
    """Go to the source and press the key; wait until a save would be noticed."""
    await page.goto(f"{served}/templates/greeting?sample=ada&show=source")
    await watched(page)
    await page.locator("main").focus()
    await page.keyboard.press("e")
    await expect(text_of(page)).to_be_focused()


async def select(page: Page, text: str) -> None:
    """Select a text with the editor's own search."""
    await text_of(page).focus()
    await page.keyboard.press("ControlOrMeta+f")
    field = page.get_by_role("textbox", name="Find")
    await field.fill(text)
    await field.dispatch_event("change")
    await field.press("Enter")
    await field.press("Escape")
    await expect(text_of(page)).to_be_focused()


async def test_what_is_typed_is_rendered_and_only_saved_when_that_is_asked_for(
    page: Page, served: str, folder: Path, inbox: Path
) -> None:
    await open_editor(page, served)
    await expect(rendered(page).get_by_text("Hello Ada")).to_be_visible()
    await select(page, "Hello")
    await page.keyboard.insert_text("Servus")
    await expect(rendered(page).get_by_text("Servus Ada")).to_be_visible()
    await expect(page.get_by_text("not saved", exact=True)).to_be_visible()
    assert (folder / MAIL).read_text() == GREETING

    await page.keyboard.press("ControlOrMeta+s")
    await expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    await expect(page.get_by_text("not saved", exact=True)).to_be_hidden()
    assert (folder / MAIL).read_text() == GREETING.replace("Hello", "Servus")

    # The form of the data beside it has the same key.
    await page.get_by_label("Name of the sample").fill("other")
    await page.keyboard.press("ControlOrMeta+s")
    await expect(page).to_have_url(re.compile("sample=other"))

    # What is wrong is said under its line, and the last good mail stays.
    await select(page, "{{ name }}</mj-text>")
    await page.keyboard.type("{{ nam", delay=1)
    await expect(page.locator(".editing-said")).to_contain_text("greeting.mjml, line 5")
    await expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    await expect(rendered(page).get_by_text("Servus Ada")).to_be_visible()

    # Another view keeps what the user typed, and another page does, too, until the editor is open
    # again.
    await page.get_by_role("link", name="Links").click()
    await expect(page.locator("#tab-links")).to_have_attribute("aria-current", "true")
    await expect(text_of(page)).to_contain_text("{{ nam")
    await page.get_by_role("link", name="Stop editing").click()
    await expect(page.locator(".code").first).to_contain_text("Servus {{ name }}")
    await page.get_by_role("link", name="Edit", exact=True).click()
    await expect(text_of(page)).to_contain_text("{{ nam")
    await expect(page.get_by_text("not saved", exact=True)).to_be_visible()
    capture(inbox, "Welcome")
    await page.get_by_role("link", name="Inbox").click()
    await page.locator("#delete-summary").click()
    page.once("dialog", lambda dialog: dialog.dismiss())
    delete = page.get_by_role("button", name="Delete all")
    async with page.expect_event("dialog"):
        await delete.click(no_wait_after=True)
    await expect(delete).to_be_enabled()


async def test_the_disk_and_the_editor_disagree(page: Page, served: str, folder: Path) -> None:
    await open_editor(page, served)
    theirs = GREETING.replace("The end", "Their end")
    (folder / MAIL).write_text(theirs)
    await expect(
        page.get_by_text("The file was saved elsewhere. This is its current text.")
    ).to_be_visible()
    await expect(text_of(page)).to_contain_text("Their end")

    await select(page, "Hello")
    await page.keyboard.type("Servus")
    (folder / MAIL).write_text(theirs.replace("Open it", "Go"))
    conflict = page.get_by_role("alert")
    await expect(conflict).to_contain_text("changed on the disk")
    (folder / MAIL).write_text(theirs)
    await expect(conflict).to_be_hidden()
    (folder / MAIL).write_text(theirs.replace("Open it", "Go"))
    await conflict.get_by_role("button", name="Reload").click()
    await expect(conflict).to_be_hidden()
    await expect(text_of(page)).to_contain_text("Go</mj-button>")
    await expect(text_of(page)).to_contain_text("Hello")

    await select(page, "Hello {{ name }}")
    await page.keyboard.insert_text("Hello {{ nam }}")
    (folder / MAIL).write_text(theirs)
    await expect(conflict).to_be_visible()
    async with page.expect_response(
        lambda answer: not is_get(answer.request) and "/sources/" in answer.url
    ) as saved:
        await conflict.get_by_role("button", name="Overwrite").click()
    assert (await saved.value).ok
    assert (folder / MAIL).read_text() == theirs.replace("Open it", "Go").replace(
        "Hello {{ name }}", "Hello {{ nam }}"
    )
    await expect(conflict).to_be_hidden()
    await expect(page.locator(".editing-said")).to_contain_text(
        "Saved. greeting/greeting.mjml, line 5"
    )
    await select(page, "{{ nam }}")
    await page.keyboard.insert_text("{{ name }}")
    await expect(page.locator(".editing-said")).to_contain_text("The error is fixed.")
    async with lost(page, "/drafts/"):
        await page.keyboard.insert_text("!")
    await expect(page.locator(".editing-said")).to_have_text(
        "Not rendered. The studio does not respond."
    )
    await expect(page.locator("[data-preview]")).to_have_attribute("data-behind", "")
    await page.keyboard.insert_text("?")
    await expect(page.locator(".editing-said")).to_have_text("")
    async with lost(page, "/sources/"):
        await page.keyboard.press("ControlOrMeta+s")
    await expect(page.locator(".editing-said")).to_have_text("Saved.")


def is_get(request: Request) -> bool:
    return request.method == "GET"


async def test_what_was_read_before_a_save_takes_nothing_back(page: Page, served: str) -> None:
    held: list[Request] = []
    is_read, go = asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        if not is_get(route.request) or held:
            await route.continue_()
            return
        held.append(route.request)
        answer = await route.fetch()
        is_read.set()
        await go.wait()
        await route.fulfill(response=answer)

    await open_editor(page, served)
    source = await page.locator("[data-editor]").get_attribute("data-source") or ""
    await page.route(f"**{source}", answer_late)
    await select(page, "Hello")
    await page.keyboard.insert_text("Servus")
    await page.keyboard.press("ControlOrMeta+s")
    await is_read.wait()
    await page.keyboard.insert_text(" liebe")
    async with page.expect_event(
        "requestfinished", lambda request: request.url.endswith(source) and is_get(request)
    ):
        await page.keyboard.press("ControlOrMeta+s")
    async with page.expect_event("requestfinished", lambda request: request in held):
        go.set()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await expect(text_of(page)).to_contain_text("Servus liebe")
    await expect(page.get_by_text("not saved", exact=True)).to_be_hidden()
    await expect(rendered(page).get_by_text("Servus liebe Ada")).to_be_visible()
