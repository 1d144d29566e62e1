"""Mails in plain HTML: all but the guard looks at them, and finds what is wrong in the template's own line."""

import re
import shutil
from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.document import read_document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.report import Report
from keyturn.studio.lint.source.origins import with_origins

TITLE = "<title>{% block subject required %}{% endblock %}</title>"


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parent / "html_mails", tmp_path / "mails")
    return tmp_path / "mails"


def test_a_mail_that_is_well_made_gets_notes_alone(mails: Path) -> None:
    examination = examined(mails)

    assert examination.templates == 3
    assert told([one for one in examination.found if one.severity != "note"]) == ""
    assert {one.group for one in examination.found} == {"compatibility"}


def test_a_way_out_of_plain_html_does_not_speak_of_mjml(mails: Path) -> None:
    page = mails / "_parts" / "page.html"
    text = page.read_text("utf-8").replace(' lang="{{ lang }}"', "").replace(TITLE, "<title></title>")
    page.write_text(text.replace("<body", '<body style="display:flex"', 1), "utf-8")

    found = {one.rule: one for one in examined(mails).found}

    assert 'lang="{{ lang }}" on the html element' in found["accessibility/lang"].fix
    assert "into title" in found["accessibility/title"].fix
    assert found["compatibility/css-display-flex"].fix == "Lay it out with table cells."


def test_what_is_rendered_leads_to_its_tag_and_the_marks_change_nothing_else(mails: Path) -> None:
    gallery = open_gallery(mails)
    sample, english = gallery.samples("open_day")["spring"], gallery.languages.choose("en")
    document = read_document(gallery.renderers(with_origins)(sample), "open_day", sample, english)

    heading = re.search(r'<h3 data-keyturn="(\d+)"', document.marked_html)
    assert heading
    assert str(document.place(int(heading[1]))) == "open_day/open_day.html:16:9"
    assert re.sub(r' data-keyturn="\d+"', "", document.marked_html) == document.mail.html


@pytest.mark.parametrize(
    "html",
    [
        "<p>One<p>Two<p>Three",
        "<ul><li>One<li>Two<ul><li>Three</ul><li>Four</ul>",
        "<TABLE ROLE=presentation><TR><TD>One<TD>Two<TR><TD>Three</TABLE>",
        "</div><p>One</span></p><br/>",
        "<p title='a > b'>One & two &copy; 5 < 6</p>",
        "<!--[if !mso]><!--><p>Not for Word</p><!--<![endif]-->",
    ],
)
def test_html_that_browsers_forgive_is_read_as_they_read_it(tmp_path: Path, html: str) -> None:
    body = f'<html lang="en"><head><title>News</title></head><body><h1>News</h1>{html}\n<center color>'
    write(tmp_path, f"{body}<span style='color:#dddddd'>Pale</span>")

    found = {one.rule: one.place for one in examined(tmp_path).found}

    assert (found.pop("contrast/light").line, found.pop("parity/no-text").line) == (2, 1)
    assert found == {}


@pytest.mark.long
@pytest.mark.parametrize("tag", ["<p>", "<b>"])
def test_thousands_of_tags_that_nobody_closed_are_read_too(tmp_path: Path, tag: str) -> None:
    write(tmp_path, f"<html lang='en'><title>News</title><body><h1>News</h1>{f'{tag}One' * 1500}")

    assert {one.rule for one in examined(tmp_path).found} == {"parity/no-text"}


def write(folder: Path, html: str) -> None:
    (folder / "news.html").write_text(html, "utf-8")


def examined(folder: Path) -> Report:
    return check(open_gallery(folder))


def told(found: list[Finding]) -> str:
    return "\n".join(f"{one.place}: {one.rule}: {one.message}" for one in found)


def test_every_way_out_that_speaks_of_mjml_has_another_one_for_html() -> None:
    both = [one for one in features().values() if "mj-" in one.fix]

    assert len(both) > 5
    assert all(one.in_html and "mj-" not in one.in_html for one in both)
