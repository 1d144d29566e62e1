"""Mails in plain HTML: all but the guard looks at them, and finds what is wrong in the template's
own line.
"""

import shutil
from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.gallery_checks import check_gallery

TITLE = "<title>{% block subject required %}{% endblock %}</title>"


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parent / "html_mails", tmp_path / "mails")
    return tmp_path / "mails"


def test_a_mail_that_is_well_made_gets_notes_alone(mails: Path) -> None:
    examination = check_gallery(open_gallery(mails))
    assert examination.templates == 3
    assert [one for one in examination.found if one.severity != "note"] == []
    assert {one.group for one in examination.found} == {"compatibility"}


def test_a_way_out_of_plain_html_does_not_speak_of_mjml(mails: Path) -> None:
    page = mails / "_parts" / "page.html"
    text = (
        page.read_text("utf-8").replace(' lang="{{ lang }}"', "").replace(TITLE, "<title></title>")
    )
    page.write_text(text.replace("<body", '<body style="display:flex"', 1), "utf-8")
    found = {one.rule: one for one in found_in(mails, {})}
    assert 'lang="{{ lang }}" on the html element' in found["accessibility/lang"].fix
    assert "into title" in found["accessibility/title"].fix
    assert found["compatibility/css-display-flex"].fix == "Lay it out with table cells."


@pytest.mark.parametrize(
    "html",
    [
        "<p>One<p>Two<p>Three",
        "<ul><li>One<li>Two<ul><li>Three</ul><li>Four</ul>",
        "<TABLE ROLE=presentation><TR><TD>One<TD>Two<TR><TD>Three</TABLE>",
        "</div><p>One</span></p><br/>",
        "<p title='a > b'>One & two &copy; 5 < 6</p>",
        "<!--[if !mso]><!--><p>Not for Word</p><!--<![endif]-->",
        "<!--[if !mso]><!-- --><p>Not for Word</p><!--<![endif]-->",
        "<!--[if !gte mso 9]><!----><p>Not for Word</p><!--<![endif]-->",
        "<!-- ======<!-- the greeting --><p>Hello</p>",
        "<!--><p>Hello</p><!---><p>You</p><!-- the greeting --!><p>Hello</p>",
    ],
)
def test_html_that_browsers_forgive_is_read_as_they_read_it(tmp_path: Path, html: str) -> None:
    body = (
        f'<html lang="en"><head><title>News</title></head><body><h1>News</h1>{html}\n<center color>'
    )
    page = f"{body}<span style='color:#dddddd'>Pale</span>"
    found = {one.rule: one.place for one in found_in(tmp_path, {"news.html": page})}
    assert (found.pop("contrast/light").line, found.pop("parity/no-text").line) == (2, 1)
    assert found == {}


def test_every_way_out_that_speaks_of_mjml_has_another_one_for_html() -> None:
    both = [one for one in features().values() if "mj-" in one.fix]
    assert len(both) > 5
    assert all(one.in_html and "mj-" not in one.in_html for one in both)


PART = "<!--[if mso]><p>Hello</p><![endif]-->"
RECT = (
    "<!--[if mso]><v:rect style='a>b'><v:textbox><![endif]--><p>Hello</p><!--[if "
    "mso]></v:textbox></v:rect><![endif]-->"
)
SETTINGS = (
    "<!--[if gte mso "
    "9]><xml><o:OfficeDocumentSettings><o:AllowPNG/></o:OfficeDocumentSettings></xml><![endif]-->"
)


@pytest.mark.parametrize(
    "html",
    [
        PART,
        RECT,
        SETTINGS,
        f"<!-- {SETTINGS.replace('</xml>', '').replace('--', '')} -->",
        (
            "<!--[if (gte mso 9)|(IE)]><div><![endif]-->Hello<!--[if (gte mso "
            "9)|(IE)]></div><![endif]-->"
        ),
        "<!--[if mso]><!-- for Outlook --><p>Hello</p><![endif]-->",
        "<![if !mso]><p>Hello</p><![endif]>",
        "<!--[if !mso]> --><p>Hello</p><!-- <![endif]-->",
        "<!--[if !supportLists]-->1.<!--[endif]--> Hello",
        "<p>Hello</p><!--<![endif]-->",
    ],
)
def test_sound_conditional(tmp_path: Path, html: str) -> None:
    """A conditional comment that Outlook reads as it is meant is no mistake."""
    page = (
        f'<html lang="en"><head><title>News</title></head><body><h1>News</h1>\n{html}</body></html>'
    )
    assert found_in(tmp_path, {"news.html": page}, "html/") == []


@pytest.mark.parametrize(
    ("html", "rule", "at"),
    [
        (PART.replace("mso]", "mso\n]"), "malformed-conditional", 1),
        (PART.replace("--[", "-- ["), "malformed-conditional", 1),
        (PART.replace("--[", " \u2014 ["), "malformed-conditional", 1),
        (PART.replace("]--", "]/--"), "malformed-conditional", 26),
        (PART.replace("]--", "] \u2014 "), "malformed-conditional", 26),
        (PART.replace("endif", "end if"), "malformed-conditional", 26),
        (PART.replace("<![endif]", ""), "unclosed-conditional", 1),
        (f"<!--[if mso]><td>-->{PART}", "unclosed-conditional", 1),
        (RECT.replace("</v:rect>", ""), "unclosed-office-tag", 14),
        (RECT.replace("</v:textbox>", ""), "unclosed-office-tag", 34),
        (SETTINGS.replace("</xml>", ""), "unclosed-office-tag", 20),
        (f"<table role='none'><tr>{RECT}<td></td></tr></table>", "vml-between-cells", 37),
    ],
)
def test_broken_conditional(tmp_path: Path, html: str, rule: str, at: int) -> None:
    """A conditional comment that Outlook does not recognise, or whose content is not closed, is
    found at its place.
    """
    page = (
        f'<html lang="en"><head><title>News</title></head><body><h1>News</h1>\n{html}</body></html>'
    )
    found = [
        one
        for one in found_in(tmp_path, {"news.html": page}, "html/")
        if one.rule != "html/unclosed-comment"
    ]
    assert [(one.rule, one.place.line, one.place.column) for one in found] == [
        (f"html/{rule}", 2, at)
    ]
