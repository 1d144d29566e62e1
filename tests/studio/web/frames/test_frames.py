"""The mail as a document of its own, which does nothing else, and as clients that invert and Word
show it.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.studio.lint.planting import Mails
from tests.studio.web.fixtures import Client, save

from keyturn.mail.rendering.html_tree import Element, parse_html
from keyturn.studio.lint.css.colours import FULL, PARTIAL
from keyturn.studio.lint.css.computed_style import Painter
from keyturn.studio.web.frames import CAPTURED, apply_view, force_scheme
from keyturn.studio.web.frames.client_models import render_vml, simulate_dark, simulate_word
from keyturn.studio.web.frames.rewriting import Rewriting
from keyturn.studio.web.pages.frame_answers import answer
from keyturn.studio.web.view import Scheme, View

STYLES = (
    "@media (prefers-color-scheme: dark) { p { color: white } } @media ( "
    "PREFERS-color-scheme:light ) { p { top: 0 } }"
)


def test_a_preview_runs_no_script_follows_no_link_and_sends_no_form(client: Client) -> None:
    answer = client.get("/studio/frames/greeting?sample=ada")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none'; ")
    assert "script" not in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "style-src 'unsafe-inline'; font-src data:;" in policy
    assert "img-src data: https: http:" in policy
    without = client.get("/studio/frames/greeting?images=off").headers["content-security-policy"]
    assert "img-src 'none'" in without
    assert '<base target="_blank">' in answer.text
    page = client.get("/studio/templates/greeting?images=off").text
    assert 'sandbox="allow-same-origin"' in page
    assert "images=off" in re.findall(r'<iframe src="([^"]+)"', page)[0]


@pytest.mark.parametrize(
    ("scheme", "dark", "light"),
    [
        ("dark", "min", "max"),
        ("light", "max", "min"),
        ("partial", "max", "max"),
        ("full", "max", "max"),
    ],
)
def test_the_scheme_decides_the_mail_s_own_queries(scheme: Scheme, dark: str, light: str) -> None:
    decided = force_scheme(STYLES, scheme)
    assert f"@media ({dark}-width: 0) {{ p {{ color: white }} }}" in decided
    assert f"@media ({light}-width: 0) {{ p {{ top: 0 }} }}" in decided


@pytest.mark.parametrize(
    ("scheme", "decided"),
    [("light", "light"), ("dark", "dark"), ("word", "light"), ("full", "light")],
)
@pytest.mark.parametrize(
    "own",
    [
        '<meta content="light dark" name="color-scheme">',
        "<style>:root { Color-Scheme: Dark  light }</style>",
    ],
)
def test_the_scheme_is_the_mail_s_own_too_whatever_the_machine_prefers(
    scheme: Scheme, decided: str, own: str
) -> None:
    seen = apply_view(f"<!doctype html><html><head>{own}</head></html>", View(scheme=scheme))
    assert f"<style>html,body{{color-scheme:{decided}!important}}</style>" in seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mail_with_a_single_scheme_keeps_it(scheme: Scheme) -> None:
    html = (
        '<meta name="color-scheme" content="dark"><style>:root { color-scheme: dark '
        "}</style><p>Hello</p>"
    )
    assert apply_view(html, View(scheme=scheme)) == html


@pytest.mark.parametrize(
    ("start", "before"),
    [
        ("", ""),
        ("<!DOCTYPE html>\n<html lang='en'><header>", "<!DOCTYPE html>"),
        ("<!doctype html><!-- <head> --><html>", "<!doctype html>"),
        ("<!-- <head> --><!doctype html><html>", "(<!-- <head> --><!doctype html>)?"),
        ("<script>/*<head>*/</script><html>", "(<script>/[*]<head>[*]/</script>)?"),
    ],
)
def test_a_mail_cannot_hide_what_is_added_to_it_behind_its_document_type(
    start: str, before: str
) -> None:
    shown = str(answer(f"{start}<base target='_self'><p>Hello", View(), CAPTURED).content)
    assert re.match(f'{before}<base target="_blank"><style>[^<]+</style>', shown)


MODES = [PARTIAL, FULL]
LETTER = """<!doctype html><html lang="en"><head><style>
  .card { background: #ffffff; border: 1px solid #e3dfd6 } .card h1 { color: #1c1b19 !important }
  p { color: rgb(40, 40, 40) } .quiet { color: hsl(30, 4%, 45%) }
  @media (prefers-color-scheme: dark) { .card { background: #ff0000 !important } }
  [data-ogsc] .own { color: #ffcc00 !important }
  [data-ogsb] .own { background-color: #003300 !important }
</style></head><body bgcolor="#f4f2ec">
<table bgcolor=#222222><tr><td><font color="#eeeeee">On a dark ground</font></td></tr></table>
<div class="card"><h1 style="color:red">Heading</h1>
<p>Text <b>in bold</b> <a href="https://northwind.example">a link</a></p>
<p class="quiet" style="background: url(a.png) #fafafa no-repeat">Quiet</p>
<p class="own">Its own colours</p>
<div style="background:rgba(0,0,0,.5)">
<span style="color:rgba(255,255,255,.8)">Through glass</span></div>
<a style="background-color:#14614b;color:#ffffff;border-top:2px solid black"
 href="https://northwind.example">Button</a>
<p style="color:var(--brand)">Nobody can read this colour</p></div></body></html>"""
BARE = """<!doctype html><html><head></head><body>
<p>Nothing but text, and <a href='https://northwind.example'>a link</a></p></body></html>"""


def own_text(element: Element) -> str:
    return " ".join("".join(text.text for text in element.texts).split())


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_a_browser_paints_what_the_checks_judge(browser: Browser, tmp_path: Path) -> None:
    page, own = (
        await browser.new_page(viewport={"width": 700, "height": 800}),
        Mails.copied_to(tmp_path).read().mail,
    )
    for html, mode in ((html, mode) for html in (LETTER, BARE, own.html) for mode in MODES):
        numbered = with_numbers(html)
        await page.set_content(simulate_dark(numbered, mode))
        painted = await page.evaluate(PAINTED)
        for node, paint in Painter(parse_html(numbered), mode).texts():
            colour, background = painted[node.get("data-n")]
            assert "Nobody" in own_text(node) or colour == rgb(str(paint.colour)), own_text(node)
            assert (
                "glass" in own_text(node)
                or paint.background is None
                or background == rgb(str(paint.background))
            )
    await page.close()


# The colour of each element and that of the nearest ground that covers what is under it.
PAINTED = """() => Object.fromEntries([...document.querySelectorAll("[data-n]")].map((element) => {
  let ground = element;
  const colour = (one) => getComputedStyle(one).backgroundColor;
  while (ground.parentElement && colour(ground) === "rgba(0, 0, 0, 0)")
    ground = ground.parentElement;
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
    assert "border:1px solid #2d2d2d!important;border-top:0!important" in simulate_dark(
        html, PARTIAL
    )
    assert "border:1px solid #141414!important;border-top:0!important" in simulate_dark(html, FULL)
    assert "radius:8px!important" not in simulate_dark(html, FULL)


def test_attribute_set_twice() -> None:
    """Of two values that a view sets for an attribute, the mail has the last, once, whether its tag
    had the attribute or not.
    """
    rewriting = Rewriting('<p>Hello</p><p id="a">Hello</p>')
    for tag in rewriting.tags:
        rewriting.set(tag, "id", "b")
        rewriting.set(tag, "id", "c")
        rewriting.set(tag, "lang", "en")
    assert rewriting.text() == '<p id="c" lang="en">Hello</p><p lang="en" id="c">Hello</p>'


def test_an_image_stays_as_it_is() -> None:
    image = '<img src="https://northwind.example/white.png" alt="">'
    grounded = '<td background="a.png" style="background-image:url(#fff.png)">Hello</td>'
    for mode in MODES:
        assert image in simulate_dark(image, mode)
        assert 'background="a.png"' in simulate_dark(grounded, mode)
        assert "url(#fff.png)" in simulate_dark(grounded, mode)


def test_own_styles_for_outlook_are_honoured_there_and_nowhere_else(
    client: Client, folder: Path
) -> None:
    save(
        folder,
        ".ground { background: #fefefe }",
        "[data-ogsb] .ground { background: #003300 !important }",
        "_layout/base.mjml",
    )
    partial = client.get("/studio/frames/greeting?sample=ada&scheme=partial").text
    assert "background-color:#003300!important" in partial
    assert "data-ogsb" in partial[partial.index("<body") :]
    full = client.get("/studio/frames/greeting?sample=ada&scheme=full").text
    assert "background-color:#003300!important" not in full
    assert "data-ogsb" not in full[full.index("<body") :]
    for inverted in (partial, full):
        assert "prefers-color-scheme" not in inverted, "dark styles of the mail's own"


ROUND = """\
<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml"
 href="https://a.example/?a=1&amp;b=2" arcsize="10%"
 style="height:40px;v-text-anchor:middle;width:200px" stroke="f" fillcolor="#b3261e"><w:anchorlock/>
<center style="color:#ffffff">By VML</center></v:roundrect><![endif]-->
<!--[if !mso]><!-->
<a href="https://a.example" style="border-radius:4px">By CSS</a><!--<![endif]-->"""
PAGE = f"""\
<!doctype html><html lang="en"><head><style>
@font-face {{ font-family: Lato; src: url(a.woff2) }}
.wide {{ max-width: 100px; color: #112233 }} .wide > p {{ color: #ff0000 }}
.wide p, [data-x] p {{ color: #445566 }}
@media (min-width: 1px) {{ .wide {{ color: #ff0000 }} }}
</style></head><body>
<div id="div" class="wide" style="width:120px;padding:9px;border-radius:8px;display:inline-block">
<p id="p">Hello</p></div>
<table><tr><td id="td" style="padding:9px;background:#eeeeee url(a.png)">Hello</td></tr></table>
<p id="web" style="font-family:'Lato'\n,Arial">Hello</p>
<p id="safe" style="font-family:Arial,Lato">Hello</p>
<p id="inline" style="color:#00ff00 !important">Hello</p><p id="gone" style="mso-hide:all">Hello</p>
<p id="empty" style="border-top:1px solid"></p><p id="blank" style="border-top:1px solid"> </p>
<td-like id="alt" style="mso-padding-alt:10px 25px">Hello</td-like>
<svg id="svg" width="9" height="9"></svg>
{ROUND}
<!--[if mso]><v:rect style="width:300px;height:60px" stroked="false">
<v:fill type="frame" src="b.png" color="#00ff00"/>
<v:textbox inset="5px,6px,7px,8px"><![endif]-->
<div id="in">In a rectangle</div><!--[if mso]></v:textbox></v:rect><![endif]-->
</body></html>"""

LOOK = """() => Object.fromEntries(
[...document.querySelectorAll("[id], [data-vml]")].map((one, at) => {
  const { padding, borderRadius, display, color, fontFamily, backgroundColor, backgroundImage } =
    getComputedStyle(one);
  const look = {
    width: one.getBoundingClientRect().width, padding, borderRadius, display, color, fontFamily };
  return [one.id || `vml-${one.tagName}-${at}`, { ...look, backgroundColor, backgroundImage }];
}))"""


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_a_browser_shows_what_word_is_known_to_render(browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 700, "height": 800})
    await page.route("**/*", lambda route: route.abort())
    await page.set_content(simulate_word(PAGE))
    look = await page.evaluate(LOOK)
    text = await page.inner_text("body")
    await page.close()
    div, td = look["div"], look["td"]
    assert div["width"] > 600
    assert (div["padding"], div["borderRadius"], div["display"]) == ("0px", "0px", "block")
    assert (div["color"], look["p"]["color"]) == ("rgb(17, 34, 51)", "rgb(68, 85, 102)")
    assert (td["padding"], td["backgroundColor"], td["backgroundImage"]) == (
        "9px",
        "rgb(238, 238, 238)",
        "none",
    )
    assert "Times New Roman" in look["web"]["fontFamily"]
    assert "Times" not in look["safe"]["fontFamily"]
    assert look["inline"]["color"] == "rgb(0, 0, 0)"
    assert [look[name]["display"] for name in ("gone", "svg", "empty", "blank")] == [
        "none",
        "none",
        "none",
        "block",
    ]
    button, rectangle, box = (value for name, value in look.items() if name.startswith("vml-"))
    assert (button["width"], button["borderRadius"], button["backgroundColor"]) == (
        200,
        "4px",
        "rgb(179, 38, 30)",
    )
    assert (rectangle["width"], rectangle["backgroundColor"]) == (300, "rgb(0, 255, 0)")
    assert "b.png" in rectangle["backgroundImage"]
    assert box["padding"] == "6px 7px 8px 5px"
    assert "By VML" in text
    assert "By CSS" not in text


@pytest.mark.parametrize(
    "vml",
    [
        *(
            '<v:rect style="x" fillcolor="&quot;><script>">',
            "<v:roundrect arcsize='..'>",
            "<v:oval/>",
            "<v:fill>",
        ),
        *(
            "<v:textbox inset=',,,,,'>Hello",
            "<o:p>&nbsp;</o:p>",
            "<v:image src='a.png'/>",
            "<v:rect",
        ),
    ],
)
def test_whatever_vml_it_is_no_element_of_it_is_left_and_nothing_is_added(vml: str) -> None:
    left = parse_html(render_vml(f"<p>{vml}</p>"))
    assert not [one.tag for one in left.walk() if ":" in one.tag or one.tag == "script"]


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_any_length_are_no_hindrance(digits: int) -> None:
    one = "1" * digits
    page = (
        f"<style>p {{ color: rgb({one},1,1); margin: {one}px }}</style><p "
        f'style="width:{one}px">{one}</p>'
    )
    assert f">{one}</p>" in simulate_word(page)
