"""A mail without its images."""

import re
from typing import Literal

import pytest
from playwright.async_api import BrowserContext
from tests.emails.studio.fixtures import Client

from keyturn.studio.web.frames.rewriting import label_images, remove_images

IMAGES = """<!doctype html><html><head><style>
  .hero { background: url("https://cdn.example/hero.png") #ffffff } @media print { p { list-style: url(dot.gif) } }
</style></head><body background=https://cdn.example/paper.png>
<img src="https://cdn.example/logo.png" srcset="https://cdn.example/logo@2x.png 2x"
  width="140" height=40 alt="Northwind &amp; Sons" style="color:#14614b">
<picture><source srcset='https://cdn.example/dark.png'><img src=https://cdn.example/a.png alt=""></picture>
<td style="background:url(&quot;https://cdn.example/cell.png&quot;) no-repeat">url(this is a text)</td>
<!--[if mso]><v:image src="https://cdn.example/outlook.png" /><![endif]-->
</body></html>"""


def test_no_image_is_asked_for_whatever_names_it() -> None:
    drawn = re.sub(r"<!--.*?-->", "", remove_images(IMAGES))
    assert "cdn.example" not in drawn
    assert "dot.gif" not in drawn
    assert "url(this is a text)" in drawn
    assert ".hero { background: none #ffffff }" in drawn


def test_the_text_of_an_image_keeps_its_size_and_its_colours() -> None:
    drawn = remove_images(IMAGES)
    assert re.search(
        r'<img data-file="logo.png"\s+width="140" height=40 alt="Northwind &amp; Sons" style="color:#14614b">', drawn
    )


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ('<img src="https://a.example/x/logo.png?v=3#a" alt="A">', 'data-file="logo.png" src'),
        ("<IMG alt=\"A\"\nsrc='logo.png'>", "data-file='logo.png' alt"),
        ('<img src="https://a.example/">', 'data-file="https://a.example/" src'),
        ('<img src="cid:logo">', 'data-file="cid:logo" src'),
        ('<img src="">', 'data-file="" src'),
        ('<img src="a/&quot;&gt;&lt;script&gt;.png">', 'data-file="&quot;&gt;&lt;script&gt;.png" src'),
        ("<p title=\"<img src='b.png'>\">", "title=\"<img title='b.png' alt=' ' data-file='b.png' src='b.png'>\""),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "<img src"),
        ("<img src=logo.png>", "<img src"),
        ('<img alt="no source">', "<img alt"),
    ],
)
def test_each_image_gets_the_name_of_its_file_for_a_box_in_its_place(image: str, named: str) -> None:
    assert named in label_images(image)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ('<img src="logo.png" alt="Boats">', 'title="logo.png" data-file'),
        ('<img src="logo.png" alt=Boats>', 'title="logo.png" data-file'),
        ('<img src="logo.png" alt="">', 'title="logo.png" alt=" " data-file'),
        ('<img src="logo.png">', 'title="logo.png" alt=" " data-file'),
        ('<img src="logo.png" title="Our > logo" alt="Boats">', "<img data-file"),
    ],
)
def test_an_image_without_alt_text_gets_a_blank_and_one_without_a_title_the_name_of_its_file(
    image: str, labels: str
) -> None:
    assert labels in label_images(image)
    assert labels.removesuffix(" data-file") in label_images(remove_images(image))


def test_a_mail_without_images_stays_as_it_is() -> None:
    assert label_images("<p>Hello</p>") == "<p>Hello</p>"


def test_a_long_mail_of_open_tags_is_labelled() -> None:
    """If each looked for its end in the rest, they would take longer than a test may."""
    assert label_images("<img " * 400_000 + "src='" * 40_000)


DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
BOXES = f"""<style>.icon {{ display: block }}</style><body>
<p><img id="logo" src="images/logo.png" alt="Northwind" width="140" height="40"> Hello</p>
<img id="icon" class="icon" src="images/icon.png" alt="" width="16" height="16">
<img id="dot" src="{DOT}" alt="A dot" width="60" height="50"></body>"""


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("html", [BOXES, remove_images(BOXES, keep_own=True)], ids=["broken", "blocked"])
async def test_an_image_that_cannot_be_shown_is_a_labelled_box_of_its_size(
    context: BrowserContext, html: str, scheme: Literal["light", "dark"]
) -> None:
    page = await context.new_page()
    await page.emulate_media(color_scheme=scheme)
    await page.set_content(label_images(html))
    measure = """name => {
        const image = document.getElementById(name);
        const label = getComputedStyle(image, "::after");
        return [image.offsetWidth, image.offsetHeight, getComputedStyle(image).display, label.height, label.content];
    }"""
    logo, icon, dot = [await page.evaluate(measure, name) for name in ("logo", "icon", "dot")]

    assert logo[:4] == [140, 40, "inline-block", "18px"]
    assert "logo.png" in logo[4]
    assert icon[:3] == [16, 16, "block"]
    assert dot[:2] == [60, 50]
    assert "px" not in dot[3]


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
async def test_a_box_of_unknown_height_has_room_for_its_label(context: BrowserContext) -> None:
    mail = remove_images(
        """<!doctype html><body style="margin:0"><img id="wide" src="hero.png" width="300" alt="Our garden">
        <img id="fluid" src="hero.png" width="300" height="auto" style="width:100%;height:auto" alt="Our garden">
        <img id="bare" src="logo.png" alt="Logo"><img id="icon" src="icon.png" width="16" style="height:16px" alt="">
        <img id="mute" src="mute.png" width="54" height="54" alt="">"""
    )
    page = await context.new_page()
    await page.set_viewport_size({"width": 450, "height": 400})
    await page.set_content(label_images(mail))
    measure = """name => {
        const image = document.getElementById(name);
        return [image.offsetWidth, image.offsetHeight, getComputedStyle(image, "::after").height];
    }"""
    assert await page.evaluate(measure, "mute") == [54, 54, "18px"]
    assert await page.evaluate(measure, "wide") == [300, 100, "18px"]
    assert await page.evaluate(measure, "fluid") == [450, 150, "18px"]
    assert (await page.evaluate(measure, "bare"))[:2] == [120, 40]
    assert (await page.evaluate(measure, "icon"))[:2] == [16, 16]


def test_the_policy_of_the_frame_refuses_what_names_an_image_in_a_way_that_is_not_known(client: Client) -> None:
    policy = client.get("/studio/frames/greeting?images=off").headers["content-security-policy"]
    assert "img-src 'none'" in policy
    assert "img-src data: https: http:" in client.get("/studio/frames/greeting").headers["content-security-policy"]


def test_images_can_be_left_out_of_a_captured_mail_as_well(client: Client) -> None:
    page = client.get("/studio/templates/greeting?images=off").text
    assert "images=off" in re.findall(r'<iframe src="([^"]+)"', page)[0]
