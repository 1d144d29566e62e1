"""The contact sheet: everything on one page."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.studio.web.fixtures import Client
from tests.studio.web.on_screen import save


def cells(page: str) -> list[tuple[str, str]]:
    """Return template and caption of each mail on the sheet."""
    found = re.findall(r'<a href="/studio/templates/([\w/]+)\?[^"]*" aria-label="[^"]*">([^<]*)</a>', page)
    return [(template, caption) for template, caption in found]


def frames(page: str) -> list[str]:
    return re.findall(r'<iframe src="/studio/frames/([^"]*)"', page)


def test_it_shows_the_first_sample_of_every_template_at_two_widths_in_light_and_dark(client: Client) -> None:
    page = client.get("/studio/sheet").text
    assert re.search(r'data-region="counts">\d+ previews<', page)
    assert cells(page) == [
        (template, caption)
        for template in ("greeting", "notice")
        for caption in ("375 · Light", "375 · Dark", "600 · Light", "600 · Dark")
    ]
    assert frames(page)[:2] == ["greeting?sample=ada", "greeting?sample=ada&amp;scheme=dark"]
    assert page.count('loading="lazy"') == page.count('sandbox="allow-same-origin"') == 8


def test_what_is_on_it_stands_in_the_address(client: Client) -> None:
    page = client.get("/studio/sheet?find=gree&width=1280&width=320&scheme=full&samples=all").text
    assert cells(page) == [("greeting", "320 · Gmail iOS"), ("greeting", "1280 · Gmail iOS")] * 2
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["ada", "grace"]
    checked = re.findall(r'id="([\w-]+)" type="checkbox"[^>]* checked', page)
    assert checked == ["width-320", "width-1280", "scheme-full"]
    assert '<option value="all" selected>' in page


def test_a_search_that_finds_no_template_says_so_and_leads_back(client: Client) -> None:
    page = client.get("/studio/sheet?find=%3Cb%3E&width=320").text
    assert "No template matches" in page
    assert "“&lt;b&gt;”" in page
    assert 'href="?width=320"' in page


def write_more(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"more_{number:02}.html").write_text("<title>More</title><p>Hello</p>")


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_mails_are_loaded_where_they_are_looked_at_as_tall_as_they_are_and_follow_a_save(
    page: Page, served: str, folder: Path
) -> None:
    write_more(folder, 20)
    await page.goto(f"{served}/sheet?width=600&scheme=light&samples=all")
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")
    first, last = page.locator(".thumb").first, page.locator(".thumb").last
    await expect(first).to_have_js_property("clientWidth", 300)
    await page.wait_for_function("document.querySelector('.thumb').clientHeight > 700")
    assert await last.evaluate("thumb => thumb.firstElementChild.contentDocument.URL") == "about:blank"
    await last.scroll_into_view_if_needed()
    await expect(last.frame_locator("iframe").get_by_text("The heating is back")).to_be_visible()

    save(folder, "Hello", "Goodbye")
    await expect(first.frame_locator("iframe").get_by_text("Goodbye Ada")).to_be_attached()

    await page.get_by_role("checkbox", name="Dark").check()
    await expect(page).to_have_url(f"{served}/sheet?width=600&scheme=light&scheme=dark&samples=all")
    await expect(page.get_by_role("checkbox", name="Dark")).to_be_focused()
    await page.get_by_role("link", name="greeting / grace, 600, Dark").click()
    await expect(page).to_have_url(f"{served}/templates/greeting?sample=grace&width=600&scheme=dark")


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_on_paper_every_mail_is_there_and_nothing_of_the_studio(page: Page, served: str) -> None:
    await page.set_viewport_size({"width": 1280, "height": 400})
    await page.goto(f"{served}/sheet?samples=all&scheme=light")
    await page.pdf()  # the browser loads what is out of sight
    for frame in await page.locator(".thumb iframe").all():
        assert await frame.evaluate("frame => frame.contentDocument.readyState") == "complete"
        assert await frame.evaluate("frame => frame.contentDocument.URL") != "about:blank"
    await page.emulate_media(media="print")
    await expect(page.get_by_role("navigation", name="Templates")).to_be_hidden()
    await expect(page.get_by_role("banner")).to_be_hidden()
    await expect(page.get_by_role("heading", name="notice")).to_be_visible()
    assert await page.locator("body").evaluate("body => body.scrollHeight > 800")
