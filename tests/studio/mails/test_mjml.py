"""MJML as other compilers read it too: what mrml refuses for its white space, or leaves out, is a mail all the same."""

import re

import pytest
from mjml import mjml2html

from keyturn.mail.rendering.compiling import to_html

BODY = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
TABLE = BODY.format("{}<tr><td>a</td></tr></mj-table>")


@pytest.mark.parametrize(
    "mjml",
    [
        "<mjml> <mj-head> <mj-title>x</mj-title>  \n<mj-preview>y</mj-preview> </mj-head> <mj-body></mj-body> </mjml>",
        '<mjml><mj-head><mj-attributes> <mj-text padding="0" />\t</mj-attributes></mj-head><mj-body></mj-body></mjml>',
        BODY.format('<mj-social> <mj-social-element name="x" href="#" /> </mj-social>'),
        BODY.format('<mj-navbar> <mj-navbar-link href="#">A</mj-navbar-link> </mj-navbar>'),
        BODY.format(
            "<mj-accordion> <mj-accordion-element> <mj-accordion-title>A</mj-accordion-title> </mj-accordion-element> "
            "</mj-accordion>"
        ),
        BODY.format('<mj-carousel> <mj-carousel-image src="https://northwind.example/a.png" /> </mj-carousel>'),
    ],
)
def test_blanks_between_elements_are_no_mistake(mjml: str) -> None:
    with pytest.raises(ValueError, match="unexpected token"):
        mjml2html(mjml)

    assert to_html(mjml).endswith("</html>")


@pytest.mark.parametrize("classes", ["light dark", "light  dark ", "dark light dark"])
def test_of_several_classes_the_last_that_says_it_counts(classes: str) -> None:
    defined = '<mj-class name="light" color="#eeeeee" align="right" /><mj-class name="dark" color="#111111" />'
    body = BODY.format(f'<mj-text mj-class="{classes}">A</mj-text>')
    html = to_html(body.replace("<mj-body>", f"<mj-head><mj-attributes>{defined}</mj-attributes></mj-head><mj-body>"))

    assert ("color:#111111" in html, "color:#eeeeee" in html, "text-align:right" in html) == (True, False, True)


def test_blanks_in_html_stay_as_they_are() -> None:
    mjml = BODY.format("<mj-text><p>One <b>two</b> <i>three</i> </p> </mj-text> <mj-text>Four</mj-text>")

    assert to_html(mjml) == mjml2html(mjml, fonts={})


@pytest.mark.parametrize("role", ["role='presentation'", "role='none'", ""])
def test_a_table_has_the_role_that_it_was_given_or_none(role: str) -> None:
    html = to_html(TABLE.format(f"<!-- <mj-table role='none'> --><mj-table cellpadding='4' {role}>"))

    (table,) = re.findall(r'<table [^>]*cellpadding="4"[^>]*>', html)
    assert re.findall(r'role="\w+"', table) == ([role.replace("'", '"')] if role else [])
    assert "<!-- role" not in html
