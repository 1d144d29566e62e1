"""The marks on the picture of a changed mail, in a browser."""

from base64 import b64encode

import pytest
from playwright.async_api import Browser

from keyturn.packaging import folder

pytestmark = pytest.mark.long

SCRIPT = (folder("preview") / "static/overlay.js").read_text("utf-8").replace("export ", "")
MARKS = """() => [...document.querySelectorAll("div")].map((mark) =>
    [mark.className, mark.offsetTop, mark.offsetTop + mark.offsetHeight, mark.offsetLeft, mark.offsetWidth])"""

Mark = tuple[str, int, int, int, int]


async def marks(browser: Browser, old: str, new: str) -> list[Mark]:
    """Return the class, top, bottom, left and width of each mark on the picture of a mail that was another one."""
    page = await browser.new_page(viewport={"width": 300, "height": 200})
    pictures = []
    for html in (old, new):
        await page.set_content(f'<!doctype html><body style="margin:0;font:20px/40px monospace">{html}')
        pictures.append(b64encode(await page.locator("body").screenshot()).decode())
    images = "".join(f'<img src="data:image/png;base64,{picture}">' for picture in pictures)
    await page.set_content(f"<style>body{{margin:0}}img{{display:block}}div{{position:absolute}}</style>{images}")
    await page.evaluate(f"() => {{ {SCRIPT}\nreturn overlay(); }}")
    found = [tuple(mark) for mark in await page.evaluate(MARKS)]
    await page.close()
    return found


def lines(*texts: str) -> str:
    return "".join(f'<p style="margin:0;height:40px">{text}</p>' for text in texts)


@pytest.mark.asyncio(loop_scope="session")
async def test_equal_mails_have_no_marks(browser: Browser) -> None:
    assert await marks(browser, lines("Boats", "Oars"), lines("Boats", "Oars")) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_a_new_line_is_marked_and_the_lines_that_it_moved_are_not(browser: Browser) -> None:
    found = await marks(browser, lines("Boats", "Oars"), lines("Boats", "New", "Oars"))

    assert {mark[0] for mark in found} == {"changed"}
    assert min(mark[1] for mark in found) > 20
    assert max(mark[2] for mark in found) < 100
    assert any(top < 60 < bottom for _, top, bottom, _, _ in found)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_changed_word_is_marked_where_it_stands(browser: Browser) -> None:
    (mark,) = await marks(browser, lines("Boats and oars", "Sails"), lines("Boats and cars", "Sails"))

    kind, top, bottom, left, width = mark
    assert kind == "changed"
    assert top < 20 < bottom < 45
    assert left > 110
    assert width < 30


@pytest.mark.asyncio(loop_scope="session")
async def test_a_line_marks_where_something_was_left_out(browser: Browser) -> None:
    found = await marks(browser, lines("Boats", "Old", "Oars"), lines("Boats", "Oars"))

    assert [mark[0] for mark in found] == ["removed"]
