"""What mrml refuses, leaves out or breaks is a mail all the same, and `<mj-style inline>` goes into
the tags.
"""

import re
from html.parser import HTMLParser

import pytest
from mjml import mjml2html

from keyturn.mail.rendering.compiling import to_html

MAIL = """<mjml><mj-head><mj-style>.plain { color: #111111 }</mj-style>
<mj-style inline="inline">{css}</mj-style></mj-head><mj-body>
<mj-section css-class="band"><mj-column>
<mj-text css-class="copy"><p class="red" style="margin:0">A&nbsp;b &copy; <b>c<br></b>
<!--[if mso]><p class="red">o</p><![endif]--></p>
<p class='lead' style="font-family:'A B'">One</p><p class="lead">Two</p></mj-text>
<mj-button href="https://northwind.example/?a=1&amp;b=2">Go</mj-button></mj-column>
</mj-section></mj-body></mjml>"""


def mail(css: str) -> str:
    return MAIL.replace("{css}", css)


def styles(html: str, name: str) -> list[str]:
    """Return the style of every tag with a class, in order; conditional comments are no tags."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - any tag
            given = {name: value or "" for name, value in attrs}
            if name in given.get("class", "").split():
                found.append(given.get("style", ""))

    Reader().feed(html)
    return found


def test_a_rule_stands_in_every_tag_it_matches() -> None:
    html = to_html(mail(".red { color: red } .lead { color: #14614b }"))
    assert styles(html, "red") == ["color:red;margin:0"]
    assert styles(html, "lead") == ["color:#14614b;font-family:'A B'", "color:#14614b;"]
    assert ".lead" not in html
    html = to_html(mail(".copy { background: #eeeeee } .band a { letter-spacing: 1px }"))
    assert styles(html, "copy")[0].startswith("background:#eeeeee;font-size:0px"), (
        "an element of MJML"
    )
    assert re.search(r'<a href="[^"]*\?a=1&amp;b=2"[^>]* style="letter-spacing:1px;display:', html)


def test_nothing_else_changes_to_the_byte() -> None:
    css = ".red { color: red } .lead { color: #14614b }"
    html = to_html(mail(css))
    before = mjml2html(mail("").replace(' inline="inline"', ""), fonts={}).replace(
        '<style type="text/css"></style>', ""
    )
    given = re.compile(r"""color:red;| style="color:#14614b;"|color:#14614b;""")
    assert given.sub("", html) == before
    assert "A&nbsp;b &copy; <b>c<br /></b>" in html
    assert '<!--[if mso]><p class="red">o</p><![endif]-->' in html


RED = mail(".red { color: red }")
MORE, HIDDEN = (
    f'{begins}<mj-style inline="inline">.red {{ color: green }}</mj-style>{ends}</mj-head>'
    for begins, ends in (("", ""), ("<!-- ", " -->"))
)


@pytest.mark.parametrize(
    ("mjml", "style"),
    [
        (  # what a tag says itself wins, and important rules win over it
            mail(".red { margin: 9px; padding: 1px } .red { color: red !important }"),
            "margin:9px;padding:1px;margin:0;color:red;",
        ),
        (  # a semicolon in a string, a comment or brackets ends no declaration
            mail(
                ".red { background: url(data:a;b); font: 1px 'a;b', \"c\" ! IMPORTANT /* ; */; "
                "--x: ((1);2) }"
            ),
            "background:url(data:a;b);--x:((1);2);margin:0;font:1px 'a;b', 'c';",
        ),
        (
            mail("p.red { color: green } .red { color: red }"),
            "color:green;margin:0",
        ),  # the stronger of two rules wins
        (
            RED.replace("</mj-head>", MORE),
            "color:green;margin:0",
        ),  # several such styles are one cascade
        (RED.replace("</mj-head>", HIDDEN), "color:red;margin:0"),  # one in a comment is none
        (RED.replace('style="margin:0"', 'style="margin"'), "color:red;margin"),
    ],
)
def test_rules_and_the_tag_itself_are_one_cascade(mjml: str, style: str) -> None:
    assert styles(to_html(mjml), "red") == [style]


def test_what_no_tag_can_hold_stays_in_the_head() -> None:
    kept = "@media (max-width: 480px) { .red { color: blue !important } }"
    html = to_html(
        mail(f"{kept} .red, .red:hover {{ color: red }} [data-ogsc] .red {{ color: #eeeeee }}")
    )
    head = html[: html.index("</head>")]
    assert kept in head
    assert re.search(r"\.red:hover\s*\{\s*color: red;\s*\}", head)
    assert "[data-ogsc] .red" in head
    assert styles(html, "red") == ["color:red;margin:0"]


@pytest.mark.parametrize(
    "css", ["", ".red { color }", ".red { color: red; } }", "{{", "<!-- -->", ".red, {}"]
)
def test_css_that_cannot_be_read_loses_nothing(css: str) -> None:
    html = to_html(mail(css))
    assert "Two</p>" in html
    assert "inlined" not in html
    assert html.startswith("<!doctype html>")


BODY = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
TABLE = BODY.format("{}<tr><td>a</td></tr></mj-table>")


@pytest.mark.parametrize(
    "mjml",
    [
        (
            "<mjml> <mj-head> <mj-title>x</mj-title>  \n"
            "<mj-preview>y</mj-preview> </mj-head> <mj-body></mj-body> </mjml>"
        ),
        (
            '<mjml><mj-head><mj-attributes> <mj-text padding="0" '
            "/>\t</mj-attributes></mj-head><mj-body></mj-body></mjml>"
        ),
        BODY.format('<mj-social> <mj-social-element name="x" href="#" /> </mj-social>'),
        BODY.format('<mj-navbar> <mj-navbar-link href="#">A</mj-navbar-link> </mj-navbar>'),
        BODY.format(
            "<mj-accordion> <mj-accordion-element> <mj-accordion-title>A</mj-accordion-title> "
            "</mj-accordion-element> "
            "</mj-accordion>"
        ),
        BODY.format(
            '<mj-carousel> <mj-carousel-image src="https://northwind.example/a.png" /> '
            "</mj-carousel>"
        ),
    ],
)
def test_blanks_between_elements_are_no_mistake(mjml: str) -> None:
    with pytest.raises(ValueError, match="unexpected token"):
        mjml2html(mjml)
    assert to_html(mjml).endswith("</html>")


@pytest.mark.parametrize("classes", ["light dark", "light  dark ", "dark light dark"])
def test_of_several_classes_the_last_that_says_it_counts(classes: str) -> None:
    defined = (
        '<mj-class name="light" color="#eeeeee" align="right" /><mj-class name="dark" '
        'color="#111111" />'
    )
    body = BODY.format(f'<mj-text mj-class="{classes}">A</mj-text>')
    html = to_html(
        body.replace(
            "<mj-body>", f"<mj-head><mj-attributes>{defined}</mj-attributes></mj-head><mj-body>"
        )
    )
    assert ("color:#111111" in html, "color:#eeeeee" in html, "text-align:right" in html) == (
        True,
        False,
        True,
    )


def test_blanks_in_html_stay_as_they_are() -> None:
    mjml = BODY.format(
        "<mj-text><p>One <b>two</b> <i>three</i> </p> </mj-text> <mj-text>Four</mj-text>"
    )
    assert to_html(mjml) == mjml2html(mjml, fonts={})


@pytest.mark.parametrize("role", ["role='presentation'", "role='none'", ""])
def test_a_table_has_the_role_that_it_was_given_or_none(role: str) -> None:
    html = to_html(
        TABLE.format(f"<!-- <mj-table role='none'> --><mj-table cellpadding='4' {role}>")
    )
    (table,) = re.findall(r'<table [^>]*cellpadding="4"[^>]*>', html)
    assert re.findall(r'role="\w+"', table) == ([role.replace("'", '"')] if role else [])
    assert "<!-- role" not in html


WRAPPER = """<mjml><mj-body><mj-wrapper padding="60px"{0}>{1}<mj-section><mj-column>
<mj-text>A</mj-text></mj-column></mj-section>{2}<mj-section><mj-column>
<mj-text>B</mj-text></mj-column></mj-section>{3}</mj-wrapper></mj-body></mjml>"""
CONDITIONAL = re.compile(r"<!--\[if mso \| IE\]>.*?-->", re.DOTALL)


def of_outlook(html: str) -> str:
    """Return the parts for Outlook alone, one behind the other."""
    return re.sub(r"<!--\[if mso \| IE\]>|<!\[endif\]-->", "", "".join(CONDITIONAL.findall(html)))


@pytest.mark.parametrize("width", ["", ' full-width="full-width"'])
@pytest.mark.parametrize(
    "inside",
    [
        ("<!-- hero -->", "", ""),
        ("", "<!-- one --><!-- two -->", "<!-- end -->"),
        ("<mj-raw><p>Raw</p></mj-raw>", "<mj-raw><!-- in it --><b>Raw</b></mj-raw>", "<mj-raw />"),
    ],
)
def test_comment_and_raw_in_wrapper(width: str, inside: tuple[str, str, str]) -> None:
    """A comment or an mj-raw between the sections of a wrapper changes neither Outlook's rows nor
    those of others.
    """
    plain = to_html(WRAPPER.format(width, "", "", ""))
    html = to_html(WRAPPER.format(width, *inside))
    assert of_outlook(html) == of_outlook(plain)
    written = "".join(re.findall(r"<!-- [\w ]+ -->|<p>Raw</p>|<b>Raw</b>", "".join(inside)))
    shown = "".join(re.findall(r"<!-- [\w ]+ -->|<p>Raw</p>|<b>Raw</b>", CONDITIONAL.sub("", html)))
    assert shown == written
    assert re.sub(
        r"<!-- [\w ]+ -->|<p>Raw</p>|<b>Raw</b>", "", CONDITIONAL.sub("", html)
    ) == CONDITIONAL.sub("", plain)
