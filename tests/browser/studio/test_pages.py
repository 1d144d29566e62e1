"""The studio in a real browser: what people see, click and press."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from tests.browser.studio.conftest import canvas, lost, mail, open_sample, watched
from tests.studio.web.fixtures import GREETING, save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_a_save_is_rendered_and_the_place_is_kept(
    page: Page, served: str, folder: Path
) -> None:
    await open_sample(page, served)
    await mail(page).get_by_text("The end").scroll_into_view_if_needed()
    place = await canvas(page).evaluate("canvas => canvas.scrollTop")
    assert place > 500
    for word in ("Goodbye", "Farewell"):
        (folder / "greeting" / "greeting.mjml").write_text(GREETING.replace("Hello", word))
        await expect(mail(page).get_by_text(f"{word} Ada")).to_be_attached()
        await expect(page.get_by_role("status")).to_have_text(
            re.compile(r"^saved \d\d:\d\d:\d\d → rendered in \d+ ms$")
        )
        assert await canvas(page).evaluate("canvas => canvas.scrollTop") == place


async def test_a_width_is_the_width_that_the_mail_sees_and_a_wider_one_is_made_smaller_not_narrower(
    page: Page, served: str
) -> None:
    await open_sample(page, served, "?sample=ada&width=1280")
    await expect(page.locator("[data-zoom]")).to_have_text(re.compile(r"^at \d\d%$"))
    assert await mail(page).locator("html").evaluate("html => html.clientWidth") == 1280
    box, around = await page.locator(".paper").bounding_box(), await canvas(page).bounding_box()
    assert box
    assert around
    assert box["width"] < around["width"]
    for key, width, device in (
        ("1", 320, "small phone"),
        ("2", 375, "phone"),
        ("3", 600, "tablet"),
    ):
        await page.keyboard.press(key)
        chosen = page.get_by_role("link", name=f"{width} ({device})", exact=True)
        await expect(chosen).to_have_attribute("aria-current", "true")
        await expect(page.locator(".paper iframe")).to_have_js_property("clientWidth", width)
        assert await mail(page).locator("html").evaluate("html => html.clientWidth") == width

    edge = page.get_by_role("separator", name="Width of the mail")
    box = await edge.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 9, box["y"] + 100)
    await page.mouse.down()
    await page.mouse.move(box["x"] - 61, box["y"] + 100)
    await page.mouse.up()
    await expect(page).to_have_url(re.compile("width=460"))
    await edge.press("ArrowRight")
    await expect(page).to_have_url(re.compile("width=470"))


async def test_the_pages_of_a_large_folder_lead_on_and_back_with_the_focus(
    page: Page, served: str, folder: Path
) -> None:
    for number in range(199):
        (folder / f"more_{number:03}.html").write_text("<title>More</title><p>Hello</p>")
    for place, each in (("", ".cards > li"), ("/sheet?width=600&scheme=light", ".strip > li")):
        await page.goto(f"{served}{place}")
        await watched(page)
        for link, then, at, count in (("Next", "Previous", 2, 1), ("Previous", "Next", 1, 200)):
            await page.get_by_role("link", name=link, exact=True).press("Enter")
            await expect(page.get_by_text(f"Page {at} of 2")).to_be_visible()
            await expect(page.locator(each)).to_have_count(count)
            await expect(page.get_by_role("link", name=then, exact=True)).to_be_focused()


async def test_keys_go_through_samples_and_parts(page: Page, served: str) -> None:
    await open_sample(page, served)
    for key, address in (
        ("j", "greeting?sample=grace"),
        ("j", "notice?sample=only"),
        ("k", "greeting?sample=grace"),
        ("t", "greeting?sample=grace&show=text"),
        ("s", "greeting?sample=grace&show=source"),
        ("]", "greeting?sample=grace&show=source&file=text"),
        ("[", "greeting?sample=grace&show=source"),
        ("h", "greeting?sample=grace"),
        ("7", "greeting?sample=grace&tab=links"),
    ):
        await page.keyboard.press(key)
        await expect(page).to_have_url(f"{served}/templates/{address}")
    await page.keyboard.press("o")
    await expect(page).to_have_url(f"{served}/inbox")

    await open_sample(page, served)
    async with lost(page, "greeting?sample=grace"):
        await page.keyboard.press("j")
    await expect(page.get_by_role("status")).to_have_text(re.compile("does not respond"))
    await page.keyboard.press("j")
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")
    await open_sample(page, served)
    for key in "d1tj":  # faster than pages come
        await page.keyboard.press(key)
    await expect(page).to_have_url(
        f"{served}/templates/greeting?sample=grace&show=text&width=320&scheme=dark"
    )


async def test_the_keys_are_told_and_can_be_turned_off(page: Page, served: str) -> None:
    await open_sample(page, served)
    await page.keyboard.press("?")
    told = page.get_by_role("dialog", name="Find")
    await expect(told.get_by_role("option", name="Next sample")).to_have_text("Next samplej↓")
    await told.get_by_role("checkbox").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.locator("body")).to_be_focused()  # no longer the checkbox, which takes keys
    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace")
    await page.reload()
    await page.get_by_role("button", name="? keys").click()
    await expect(told.get_by_role("checkbox")).not_to_be_checked()


async def test_panels_close_and_stay_closed(page: Page, served: str) -> None:
    await open_sample(page, served)
    await page.keyboard.press(",")
    await expect(page.get_by_role("navigation", name="Templates")).to_be_hidden()
    await page.get_by_role("button", name="Details", exact=True).click()
    await page.reload()
    await expect(page.get_by_role("complementary")).to_be_hidden()
    await expect(page.get_by_role("navigation", name="Templates")).to_be_hidden()
    await mail(page).get_by_role("link", name="Open it").click()
    await expect(page.get_by_role("complementary")).to_be_visible()


async def test_on_a_phone_there_is_one_pane_at_a_time(page: Page, served: str) -> None:
    await page.set_viewport_size({"width": 375, "height": 700})
    await open_sample(page, served)
    await expect(mail(page).get_by_text("Hello Ada")).to_be_visible()
    await expect(page.get_by_role("complementary")).to_be_hidden()
    await expect(page.get_by_role("navigation", name="Templates")).to_be_hidden()

    await page.get_by_role("link", name="Details", exact=True).click()
    await expect(page.get_by_role("complementary")).to_be_visible()
    await expect(canvas(page)).to_be_hidden()

    await page.get_by_role("link", name="Templates", exact=True).click()
    await page.get_by_role("link", name="grace", exact=True).click()
    await expect(mail(page).get_by_text("Hello Grace")).to_be_visible()


async def test_the_palette_goes_to_what_is_typed_and_acts_on_the_page(
    page: Page, served: str
) -> None:
    await open_sample(page, served)
    palette, field = (
        page.get_by_role("dialog", name="Find"),
        page.get_by_role("combobox", name="Find a template"),
    )
    chosen = palette.locator("[aria-selected=true]")

    tab = page.get_by_role("link", name="Links")
    other = page.get_by_role("link", name="Headers")
    await other.evaluate(
        "other => other.addEventListener('keydown', event => event.preventDefault())"
    )
    await other.press("Control+k")  # it uses the key, as an editor may
    await expect(palette).to_be_hidden()
    await tab.focus()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("no such thing")
    await expect(palette).to_contain_text("No matches.")
    await page.keyboard.press("Escape")
    await expect(tab).to_be_focused()

    await page.keyboard.press("Control+k")
    await expect(field).to_be_focused()
    await page.keyboard.type("grace")
    await expect(chosen).to_have_text("greeting / graceSample")
    assert await field.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace")
    await expect(palette).to_be_hidden()

    answered = asyncio.Event()

    async def late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.route("**/index.json?sample=grace", late)
    await page.get_by_role("button", name="Find a template").click()
    await page.keyboard.type("dark")
    await expect(chosen).to_contain_text("Dark")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace&scheme=dark")

    await page.keyboard.press("Control+k")
    composing = await page.context.new_cdp_session(page)
    await composing.send(
        "Input.imeSetComposition", {"text": "base", "selectionStart": 4, "selectionEnd": 4}
    )
    await expect(chosen).to_have_text("_layout/base.mjmlShared file")
    async with page.expect_event(
        "requestfinished", lambda request: request.url.endswith("index.json?sample=grace")
    ):
        answered.set()  # the view is another one by now
    await page.keyboard.press("Enter")  # of the input method
    await expect(palette).to_be_visible()
    await page.keyboard.insert_text("base")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{served}/files/_layout/base.mjml?scheme=dark")


# Between pixels and lines

CELL_OF_BUTTON = """frame => {
  const cell = frame.contentDocument.querySelector("a").closest("table").parentElement;
  const { left, top, width, height } = cell.getBoundingClientRect();
  return [left, top, width, height];
}"""


async def test_a_pixel_leads_to_its_line(page: Page, served: str) -> None:
    await open_sample(page, served)
    await page.keyboard.press("p")
    await expect(page.get_by_role("button", name="Pick")).to_have_attribute("aria-pressed", "true")
    async with lost(page, "/places/"):
        await mail(page).get_by_text("Hello Ada").hover()
    await mail(page).get_by_role("link", name="Open it").hover()
    await expect(page.locator(".outline-label")).to_have_text("greeting.mjml:6 · mj-button")
    await page.keyboard.press("Escape")
    await expect(page.locator(".outline-label")).to_have_count(0)

    await page.get_by_role("button", name="Pick").click()
    await mail(page).get_by_role("link", name="Open it").click()
    await expect(page).to_have_url(
        f"{served}/templates/greeting?sample=ada&line=greeting%2Fgreeting.mjml%3A6"
    )
    shown = page.get_by_role("region", name="Picked: greeting/greeting.mjml:6 mj-button")
    await expect(shown.locator(".wrong")).to_contain_text("<mj-button")
    await expect(page.get_by_role("button", name="Pick")).to_have_attribute("aria-pressed", "false")
    box = "box => [box.offsetLeft, box.offsetTop, box.offsetWidth, box.offsetHeight]"
    around = await page.locator(".outline").evaluate(box)
    left, top, width, height = await page.locator(".paper iframe").evaluate(CELL_OF_BUTTON)
    assert around == pytest.approx([left - 3, top - 3, width + 6, height + 6], abs=1)

    await (
        mail(page).get_by_role("link", name="Open it").click()
    )  # picked once: links are links again
    await expect(page).to_have_url(re.compile("tab=links"))
    await shown.get_by_role("link", name="Close").click()
    await expect(page.locator(".outline")).to_have_count(0)


async def test_a_line_leads_to_its_pixels(page: Page, served: str) -> None:
    await open_sample(page, served, "?sample=ada&show=source")
    await page.get_by_role("link", name="Line 7:").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"line=greeting%2Fgreeting\.mjml%3A8"))
    await expect(page.locator(".outline")).to_be_in_viewport()
    await expect(mail(page).get_by_text("The end")).to_be_in_viewport()
    assert await canvas(page).evaluate("canvas => canvas.scrollTop") > 500

    await canvas(page).evaluate("canvas => canvas.scrollTo(0, 0)")
    await page.keyboard.press("s")
    await page.get_by_role("link", name="Line 8:").click()  # the same line again
    await expect(mail(page).get_by_text("The end")).to_be_in_viewport()


async def test_what_is_hidden_in_a_panel_does_not_let_the_page_scroll(
    page: Page, served: str
) -> None:
    await page.set_viewport_size({"width": 1280, "height": 200})  # less than the form of the data
    await open_sample(page, served)
    await page.evaluate("scrollTo(0, 900)")  # as a link to a line does
    await expect(page.get_by_role("link", name="Keyturn studio")).to_be_in_viewport()
    await page.set_viewport_size({"width": 1280, "height": 800})  # the context is shared


async def test_the_source_stays_open_to_an_edit_below_what_is_wrong_with_it(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, "{{ name }}", "{{ nme }}")
    await open_sample(page, served, "?sample=ada&show=source")
    await expect(page.get_by_role("alert", name="'nme' is undefined")).to_be_visible()
    await page.get_by_role("link", name="Edit", exact=True).click()
    await expect(page.get_by_role("textbox", name="Source of")).to_be_focused()
