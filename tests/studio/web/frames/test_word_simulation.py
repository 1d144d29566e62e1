"""Outlook for Windows, modelled: what Word leaves out is gone, VML is rendered, and a browser shows it."""

import pytest
from playwright.async_api import Browser

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.web.frames.client_models import render_vml, simulate_word

ROUND = """\
<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://a.example/?a=1&amp;b=2" arcsize="10%"
 style="height:40px;v-text-anchor:middle;width:200px" stroke="f" fillcolor="#b3261e"><w:anchorlock/>
<center style="color:#ffffff">By VML</center></v:roundrect><![endif]-->
<!--[if !mso]><!--><a href="https://a.example" style="border-radius:4px">By CSS</a><!--<![endif]-->"""
PAGE = f"""\
<!doctype html><html lang="en"><head><style>
@font-face {{ font-family: Lato; src: url(a.woff2) }}
.wide {{ max-width: 100px; color: #112233 }} .wide > p {{ color: #ff0000 }} .wide p, [data-x] p {{ color: #445566 }}
@media (min-width: 1px) {{ .wide {{ color: #ff0000 }} }}
</style></head><body>
<div id="div" class="wide" style="width:120px;padding:9px;border-radius:8px;display:inline-block">
<p id="p">Hello</p></div>
<table><tr><td id="td" style="padding:9px;background:#eeeeee url(a.png)">Hello</td></tr></table>
<p id="web" style="font-family:'Lato',Arial">Hello</p><p id="safe" style="font-family:Arial,Lato">Hello</p>
<p id="inline" style="color:#00ff00 !important">Hello</p><p id="gone" style="mso-hide:all">Hello</p>
<p id="empty" style="border-top:1px solid"></p><p id="blank" style="border-top:1px solid"> </p>
<td-like id="alt" style="mso-padding-alt:10px 25px">Hello</td-like><svg id="svg" width="9" height="9"></svg>
{ROUND}
<!--[if mso]><v:rect style="width:300px;height:60px" stroked="false"><v:fill type="frame" src="b.png" color="#00ff00"/>
<v:textbox inset="5px,6px,7px,8px"><![endif]-->
<div id="in">In a rectangle</div><!--[if mso]></v:textbox></v:rect><![endif]-->
</body></html>"""

LOOK = """() => Object.fromEntries([...document.querySelectorAll("[id], [data-vml]")].map((one, at) => {
  const { padding, borderRadius, display, color, fontFamily, backgroundColor, backgroundImage } = getComputedStyle(one);
  const look = { width: one.getBoundingClientRect().width, padding, borderRadius, display, color, fontFamily };
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
    assert (td["padding"], td["backgroundColor"], td["backgroundImage"]) == ("9px", "rgb(238, 238, 238)", "none")
    assert "Times New Roman" in look["web"]["fontFamily"]
    assert "Times" not in look["safe"]["fontFamily"]
    assert look["inline"]["color"] == "rgb(0, 0, 0)"
    assert [look[name]["display"] for name in ("gone", "svg", "empty", "blank")] == ["none", "none", "none", "block"]
    button, rectangle, box = (value for name, value in look.items() if name.startswith("vml-"))
    assert (button["width"], button["borderRadius"], button["backgroundColor"]) == (200, "4px", "rgb(179, 38, 30)")
    assert (rectangle["width"], rectangle["backgroundColor"]) == (300, "rgb(0, 255, 0)")
    assert "b.png" in rectangle["backgroundImage"]
    assert box["padding"] == "6px 7px 8px 5px"
    assert "By VML" in text
    assert "By CSS" not in text


@pytest.mark.parametrize(
    "vml",
    [
        *('<v:rect style="x" fillcolor="&quot;><script>">', "<v:roundrect arcsize='..'>", "<v:oval/>", "<v:fill>"),
        *("<v:textbox inset=',,,,,'>Hello", "<o:p>&nbsp;</o:p>", "<v:image src='a.png'/>", "<v:rect"),
    ],
)
def test_whatever_vml_it_is_no_element_of_it_is_left_and_nothing_is_added(vml: str) -> None:
    left = parse_html(render_vml(f"<p>{vml}</p>"))
    assert not [one.tag for one in left.walk() if ":" in one.tag or one.tag == "script"]


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_any_length_are_no_hindrance(digits: int) -> None:
    one = "1" * digits
    page = f'<style>p {{ color: rgb({one},1,1); margin: {one}px }}</style><p style="width:{one}px">{one}</p>'
    assert f">{one}</p>" in simulate_word(page)
