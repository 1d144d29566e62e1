"""Clients that invert: what the studio shows of them is what the checks say of them, and what a browser paints."""

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.studio.lint.planting import Mails
from tests.studio.web.fixtures import Client, save

from keyturn.mail.rendering.html_tree import Element, parse_html
from keyturn.studio.lint.css.colours import FULL, PARTIAL
from keyturn.studio.lint.css.computed_style import Painter
from keyturn.studio.web.frames.client_models import simulate_dark
from keyturn.studio.web.frames.rewriting import Rewriting

MODES = [PARTIAL, FULL]
LETTER = """<!doctype html><html lang="en"><head><style>
  .card { background: #ffffff; border: 1px solid #e3dfd6 } .card h1 { color: #1c1b19 !important }
  p { color: rgb(40, 40, 40) } .quiet { color: hsl(30, 4%, 45%) }
  @media (prefers-color-scheme: dark) { .card { background: #ff0000 !important } }
  [data-ogsc] .own { color: #ffcc00 !important } [data-ogsb] .own { background-color: #003300 !important }
</style></head><body bgcolor="#f4f2ec">
<table bgcolor=#222222><tr><td><font color="#eeeeee">On a dark ground</font></td></tr></table>
<div class="card"><h1 style="color:red">Heading</h1>
<p>Text <b>in bold</b> <a href="https://northwind.example">a link</a></p>
<p class="quiet" style="background: url(a.png) #fafafa no-repeat">Quiet</p><p class="own">Its own colours</p>
<div style="background:rgba(0,0,0,.5)"><span style="color:rgba(255,255,255,.8)">Through glass</span></div>
<a style="background-color:#14614b;color:#ffffff;border-top:2px solid black" href="https://northwind.example">Button</a>
<p style="color:var(--brand)">Nobody can read this colour</p></div></body></html>"""
BARE = """<!doctype html><html><head></head><body>
<p>Nothing but text, and <a href='https://northwind.example'>a link</a></p></body></html>"""


def own_mail(folder: Path) -> str:
    return Mails.copied_to(folder).read().mail.html


def own_text(element: Element) -> str:
    return " ".join("".join(text.text for text in element.texts).split())


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_a_browser_paints_what_the_checks_judge(browser: Browser, tmp_path: Path) -> None:
    page = await browser.new_page(viewport={"width": 700, "height": 800})
    for html, mode in ((html, mode) for html in (LETTER, BARE, own_mail(tmp_path)) for mode in MODES):
        numbered = with_numbers(html)
        await page.set_content(simulate_dark(numbered, mode))
        painted = await page.evaluate(PAINTED)
        for node, paint in Painter(parse_html(numbered), mode).texts():
            colour, ground = painted[node.get("data-n")]
            assert paint.colour is None or colour == rgb(str(paint.colour)), own_text(node)
            assert "glass" in own_text(node) or paint.ground is None or ground == rgb(str(paint.ground))
    await page.close()


# The colour of each element and that of the nearest ground that covers what is under it.
PAINTED = """() => Object.fromEntries([...document.querySelectorAll("[data-n]")].map((element) => {
  let ground = element;
  const colour = (one) => getComputedStyle(one).backgroundColor;
  while (ground.parentElement && colour(ground) === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  return [element.dataset.n, [getComputedStyle(element).color, colour(ground)]];
}))"""


def with_numbers(html: str) -> str:
    rewriting = Rewriting(html)
    for number, tag in enumerate(rewriting.tags):
        rewriting.set(tag, "data-n", str(number))
    return rewriting.text()


def rgb(colour: str) -> str:
    red, green, blue = (int(colour[start:end], 16) for start, end in pairwise((1, 3, 5, 7)))
    return f"rgb({red}, {green}, {blue})"


def test_a_line_is_inverted_as_a_ground_is_and_stays_where_it_is_set_to_nothing() -> None:
    html = '<p style="border:1px solid #ffffff;border-top:0;border-radius:8px">Hello</p>'
    assert "border:1px solid #2d2d2d!important;border-top:0!important" in simulate_dark(html, PARTIAL)
    assert "border:1px solid #141414!important;border-top:0!important" in simulate_dark(html, FULL)
    assert "radius:8px!important" not in simulate_dark(html, FULL)


def test_an_image_stays_as_it_is() -> None:
    image = '<img src="https://northwind.example/white.png" alt="">'
    grounded = '<td background="a.png" style="background-image:url(#fff.png)">Hello</td>'
    for mode in MODES:
        assert image in simulate_dark(image, mode)
        assert 'background="a.png"' in simulate_dark(grounded, mode)
        assert "url(#fff.png)" in simulate_dark(grounded, mode)


def test_own_styles_for_outlook_are_honoured_there_and_nowhere_else(client: Client, folder: Path) -> None:
    save(folder, ".ground { background: #fefefe }", "[data-ogsb] .ground { background: #003300 !important }", BASE)
    partial = client.get("/studio/frames/greeting?sample=ada&scheme=partial").text
    assert "background-color:#003300!important" in partial
    assert "data-ogsb" in partial[partial.index("<body") :]
    full = client.get("/studio/frames/greeting?sample=ada&scheme=full").text
    assert "background-color:#003300!important" not in full
    assert "data-ogsb" not in full[full.index("<body") :]
    for inverted in (partial, full):
        assert "prefers-color-scheme" not in inverted, "dark styles of the mail's own"


BASE = "_layout/base.mjml"
