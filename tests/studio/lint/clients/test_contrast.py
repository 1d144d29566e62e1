"""What a text looks like in each mode: the cascade, the backgrounds, and what clients make of
colours in the dark.
"""

from pathlib import Path

import pytest
from tests.studio.lint.planting import Mails

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.lint.checks.accessibility import check_contrast
from keyturn.studio.lint.css.colours import DARK, FULL, LIGHT, PARTIAL, Mode
from keyturn.studio.lint.css.computed_style import Paint, Painter


def painted(html: str, mode: Mode = LIGHT) -> Paint:
    """Return how the element with the id "x" is painted."""
    return next(
        paint for node, paint in Painter(parse_html(html), mode).texts() if node.get("id") == "x"
    )


def seen(html: str, mode: Mode = LIGHT) -> tuple[str, str]:
    paint = painted(html, mode)
    return str(paint.colour), str(paint.background)


BLACK, RED, BLUE = "#000000", "#ff0000", "#0000ff"
IN_A = "<div class='a'>{}<p id='x'>Hello</p>"


@pytest.mark.parametrize(
    ("html", "colour", "background"),
    [
        (
            '<td bgcolor="#222222"><font color="#eeeeee" id="x">Hello</font></td>',
            "#eeeeee",
            "#222222",
        ),
        ('<p id="x" style="color:rgba(0,0,0,.5)">Hello</p>', "#808080", "#ffffff"),
        (
            '<div style="background:#000"><p id="x" style="background:rgba(255,255,255,.5)">Hi',
            BLACK,
            "#808080",
        ),
        (
            '<p style="color:#111"><a id="x" href="https://a.example">Hello</a></p>',
            "#0000ee",
            "#ffffff",
        ),
        ('<p id="x" style="background:url(a.png) #123456 no-repeat">Hello</p>', BLACK, "#123456"),
        (
            "<style>p { color: red !important }</style><p id='x' style='color:blue'>Hello</p>",
            RED,
            "#ffffff",
        ),
        ("<style>p { color: red }</style><p id='x' style='color:blue'>Hello</p>", BLUE, "#ffffff"),
        ("<style>.a p { color: red } p { color: blue }</style>" + IN_A.format(""), RED, "#ffffff"),
        ("<style>.a > p { color: red }</style>" + IN_A.format("<b>"), BLACK, "#ffffff"),
        ("<style>p:hover { color: red }</style><p id='x'>Hello</p>", BLACK, "#ffffff"),
        ("<style>p:not(.a p, .b) { color: red }</style>" + IN_A.format(""), BLACK, "#ffffff"),
        ("<style>p:is(.a, .b) { color: red }</style><p id='x' class='b'>Hello</p>", RED, "#ffffff"),
        (
            "<style>.b { color: blue } p:not(i) { color: red }</style><p id='x' class='b'>Hello",
            BLUE,
            "#ffffff",
        ),
        (
            "<style>p[title='News' i] { color: red }</style><p id='x' title='NEWS'>Hello</p>",
            RED,
            "#ffffff",
        ),
        (
            "<style>@media (max-width:480px) { p { color: red } }</style><p id='x'>Hello</p>",
            BLACK,
            "#ffffff",
        ),
    ],
)
def test_a_text_is_painted_as_the_cascade_has_it(html: str, colour: str, background: str) -> None:
    assert seen(html) == (colour, background)


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "visibility:hidden",
        "opacity:0",
        "font-size:0",
        "font-size:1px",
        "max-height:0;overflow:hidden",
    ],
)
def test_a_text_that_is_not_seen_is_not_painted(style: str) -> None:
    assert list(Painter(parse_html(f'<div style="{style}">Hello</div>'), LIGHT).texts()) == []


def test_a_colour_that_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    assert painted('<p id="x" style="color:color-mix(in srgb, red, blue)">Hello</p>').colour is None
    assert painted('<p style="background:var(--paper)"><b id="x">Hello</b></p>').background is None
    assert findings(tmp_path, '<p style="color:color-mix(in srgb, red, blue)">Hello</p>') == []


@pytest.mark.parametrize(
    ("size", "large"),
    [
        ("24px", True),
        ("18pt", True),
        ("23px", False),
        ("19px;font-weight:700", True),
        ("1.5em", True),
    ],
)
def test_large_text_is_what_wcag_calls_large(size: str, large: bool) -> None:
    assert painted(f'<p id="x" style="font-size:{size}">Hello</p>').is_large is large


DARK_STYLES = """<style>@media (prefers-color-scheme: dark) { p { color: #eeeeee !important } }
[data-ogsc] p { color: #dddddd !important }
[data-ogsb] div { background: #101010 !important }</style>
<div style="background:#fff"><p id="x" style="color:#222">Hello</p></div>"""


def test_each_mode_honours_its_own_styles_and_no_others() -> None:
    assert seen(DARK_STYLES, LIGHT) == ("#222222", "#ffffff")
    assert seen(DARK_STYLES, DARK) == ("#eeeeee", "#ffffff")
    assert seen(DARK_STYLES, PARTIAL) == ("#dddddd", "#101010")
    assert seen(DARK_STYLES, FULL)[1] == "#141414"
    declared = '<meta name="color-scheme" content="light dark"><p id="x">Hello</p>'
    assert (seen(declared, DARK), seen(declared, LIGHT)) == (
        ("#ffffff", "#1c1c1e"),
        ("#000000", "#ffffff"),
    )


def findings(tmp_path: Path, html: str, css: str = "") -> list[tuple[str, str, str]]:
    mails = Mails(tmp_path)
    mails.write(
        "letter/letter.mjml",
        f"<mjml><mj-head><mj-style>{css}</mj-style></mj-head><mj-body "
        "background-color='#fff'><mj-section><mj-column>"
        f"<mj-text>{html}</mj-text></mj-column></mj-section></mj-body></mjml>",
    )
    found = check_contrast(mails.read_values("letter", {"name": "Ada"}))
    return [(finding.rule, finding.severity, finding.message) for finding in found]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (
            "color:#8a8a8a",
            ["#8a8a8a on #ffffff is 3.4 : 1 in light; text needs 4.5 : 1 (WCAG 1.4.3)."],
        ),
        ("color:#8a8a8a;font-size:24px", []),
    ],
)
def test_a_finding_names_the_colours_and_large_text_needs_less(
    tmp_path: Path, style: str, said: list[str]
) -> None:
    found = findings(tmp_path, f'<p style="{style}">Hello</p>')
    assert found == [("contrast/light", "warning", message) for message in said]


def test_a_colour_that_stands_in_for_an_unknown_one_is_not_judged(tmp_path: Path) -> None:
    mails, section = (
        Mails(tmp_path),
        "<mj-section background-color='#336699'><mj-column>{}</mj-column></mj-section>",
    )
    body = section.format("<mj-text color='#336699'>Hello</mj-text>")
    mails.write("letter/letter.mjml", f"<mjml><mj-body>{body}</mj-body></mjml>")
    assert list(check_contrast(mails.read_values("letter", {}))) == []
    assert list(check_contrast(mails.read_values("letter", {"name": "Ada"}))) != []


def test_an_image_behind_a_text_is_not_counted_on(tmp_path: Path) -> None:
    """Many clients show no images, and Outlook none in the background."""
    image = "background-image:url(https://northwind.example/a.png)"
    ((rule, severity, message),) = findings(tmp_path, f'<p style="{image};color:#fff">Hello</p>')
    assert (rule, severity) == ("contrast/light", "warning")
    assert "if the image behind it is not shown" in message
    assert (
        findings(tmp_path, f'<p style="{image};background-color:#14614b;color:#fff">Hello</p>')
        == []
    )
