"""The marks on the picture of a changed mail, in a browser."""

import asyncio
from typing import NamedTuple

import pytest
from playwright.async_api import Browser

from keyturn.packaging import folder

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = (folder("preview") / "static/overlay.js").read_text("utf-8").replace("export ", "")
BUTTON = '<p style="margin:0"><a href="{1}" style="display:inline-block;padding:20px 60px;background:{2}">{0}</a></p>'
IMAGE = '<img src="{0}" alt="" width="200" height="100" style="display:block;margin:0 0 40px">'


class Mark(NamedTuple):
    kind: str
    top: float
    bottom: float
    left: float
    right: float


async def marks(browser: Browser, old: str, new: str) -> list[Mark]:
    """Return the marks on a mail that was another one."""
    page = await browser.new_page(viewport={"width": 300, "height": 200})
    style = "<!doctype html><body style='margin:0;font:20px/40px monospace'>"
    await page.set_content(style + old)
    parts = await page.evaluate(f"() => {{ {SCRIPT}\nreturn parts(); }}")
    await page.set_content(style + new)
    found = await page.evaluate(f"(old) => {{ {SCRIPT}\nreturn marks(old); }}", parts)
    await page.close()
    return [Mark(*mark) for mark in found]


def lines(*texts: str) -> str:
    return "".join(f'<p style="margin:0;height:80px">{text}</p>' for text in texts)


async def test_equal_mails_have_no_marks(browser: Browser) -> None:
    assert await marks(browser, lines("Boats", "Oars"), lines("Boats", "Oars")) == []


async def test_space_and_what_is_hidden_are_no_differences(browser: Browser) -> None:
    preheader = '<div style="max-height:0;overflow:hidden">{}</div><p style="display:none">{}</p>'
    old, new = preheader.format("Hello", "Old") + lines("Boats"), preheader.format("Dear", "New") + lines("Boats")

    assert await marks(browser, old, f'<div style="padding:40px 0">{new}</div>') == []


async def test_a_new_line_is_marked_and_the_lines_that_it_moved_are_not(browser: Browser) -> None:
    (mark,) = await marks(browser, lines("Boats", "Oars"), lines("Boats", "New", "Oars"))

    assert mark.kind == "changed"
    assert 40 < mark.top < 100 < mark.bottom < 160


async def test_the_mark_of_a_changed_word_is_around_its_paragraph(browser: Browser) -> None:
    (mark,) = await marks(browser, lines("Boats and <b>oars</b>", "Sails"), lines("Boats and <b>cars</b>", "Sails"))

    assert mark.kind == "changed"
    assert (mark.top, mark.left) < (20, 5)
    assert mark.bottom < 60
    assert 168 <= mark.right < 200


@pytest.mark.parametrize(
    ("text", "colour"), [("Start", "#b3261e"), ("Begin", "#14614b")], ids=["another colour", "another text"]
)
async def test_the_mark_of_a_button_is_around_all_of_it(browser: Browser, text: str, colour: str) -> None:
    old, new = (lines("Boats") + BUTTON.format(*given) for given in (("Start", "/a", "#14614b"), (text, "/a", colour)))
    (mark,) = await marks(browser, old, new)

    assert mark.top <= 80
    assert mark.bottom >= 160
    assert (mark.left, mark.right) == (0, 185)


async def test_a_link_to_elsewhere_is_no_difference_that_is_seen(browser: Browser) -> None:
    old, new = (BUTTON.format("Start", address, "#14614b") for address in ("/a", "/b"))

    assert await marks(browser, old, new) == []


async def test_close_changes_have_one_mark_and_distant_ones_two(browser: Browser) -> None:
    def mail(one: str, two: str) -> str:
        return f'{IMAGE.format("a.png")}<p style="margin:0">{one}</p><p style="margin:0 0 60px">{two}</p>{lines(two)}'

    found = await marks(browser, mail("Boats", "Oars"), mail("Ships", "Sails"))

    assert [(mark.kind, mark.top > 240) for mark in found] == [("changed", False), ("changed", True)]


async def test_another_image_of_the_same_size_is_marked(browser: Browser) -> None:
    (mark,) = await marks(browser, IMAGE.format("a.png") + lines("Boats"), IMAGE.format("b.png") + lines("Boats"))

    assert mark == ("changed", 0, 105, 0, 205)


async def test_another_ground_of_the_whole_mail_is_one_mark_around_it(browser: Browser) -> None:
    def mail(colour: str) -> str:
        return f'<div style="background:{colour}"><div style="background:#ffffff">{lines("Boats")}</div></div>'

    assert await marks(browser, mail("#eeeeee"), mail("#ffffff")) == [("changed", 0, 80, 0, 300)]


@pytest.mark.parametrize("left_out", ["Old", IMAGE.format("a.png")], ids=["text", "image"])
async def test_a_line_marks_where_something_was_left_out(browser: Browser, left_out: str) -> None:
    (mark,) = await marks(browser, lines("Boats", left_out, "Oars"), lines("Boats", "Oars"))

    assert mark.kind == "removed"
    assert mark.bottom - mark.top == 3
    assert 30 < mark.top < 90


async def test_an_image_left_out_is_told_from_a_text_that_changed_beside_it(browser: Browser) -> None:
    old, new = IMAGE.format("a.png") + lines("Boats", "Oars"), lines("Ships", "Oars")

    assert sorted(mark.kind for mark in await marks(browser, old, new)) == ["changed", "removed"]


async def test_a_mail_of_very_many_parts_is_compared_in_time(browser: Browser) -> None:
    old, new = (lines(*(f"{word} {number}" for number in range(5000))) for word in ("Boats", "Ships"))

    async with asyncio.timeout(30):
        assert {mark.kind for mark in await marks(browser, old, new)} == {"changed"}
