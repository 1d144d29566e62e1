"""A document: the tree of a mail, and the ways back from what is drawn."""

import re
from pathlib import Path

import pytest
from tests.emails.lint.planting import Mails

from keyturn.emails.lint.document import Document

PARTS, BASE = "_layout/parts.mjml", "_layout/base.mjml"


@pytest.fixture
def mails(tmp_path: Path) -> Mails:
    return Mails.copied_to(tmp_path)


@pytest.fixture
def document(mails: Mails) -> Document:
    return mails.read()


def test_it_holds_the_mail_that_is_sent(document: Document) -> None:
    assert document.subject == "Reset your Northwind School password"
    assert document.preheader.startswith("The link works until")
    assert document.html.startswith("<!doctype html>")
    assert document.text.startswith("Hello Ada")
    assert document.text.endswith("\n")


def test_elements_come_in_the_order_of_the_mail(document: Document) -> None:
    tags = [element.tag for element in document.elements()]

    assert tags[:4] == ["mjml", "mj-head", "mj-title", "mj-preview"]
    assert tags.index("mj-button") < len(tags) - 1 - tags[::-1].index("mj-text")
    assert [element.offset for element in document.elements()] == sorted(
        element.offset for element in document.elements()
    )


def test_an_element_knows_its_attributes_and_their_places(mails: Mails, document: Document) -> None:
    button = next(element for element in document.elements("mj-button") if element.get("href"))

    assert button.get("href") == document.values["link"]
    assert button.get("title") == ""
    href = button.attributes["href"]
    assert document.markup[href.offset :].startswith('href="')
    assert document.markup[href.value_offset :].startswith("https://")
    place = document.place(href.offset)
    assert (place.file, place.line) == mails.line(PARTS, "<mj-button")
    assert place.column == 1 + _source_line(mails, PARTS, place.line).index("href=")


def test_an_element_knows_what_it_holds_and_what_holds_it(document: Document) -> None:
    button = next(element for element in document.elements("mj-button") if element.get("href"))

    assert document.source_inside(button) == "Choose a new password"
    assert [above.tag for above in button.ancestors()] == ["mj-column", "mj-section", "mj-wrapper", "mj-body", "mjml"]
    assert document.markup[button.offset : button.end].startswith("<mj-button")
    assert document.markup[button.offset : button.end].endswith("</mj-button>")


def test_a_part_of_a_mail_leads_to_the_call_of_its_macro(mails: Mails, document: Document) -> None:
    button = next(element for element in document.elements("mj-button") if element.get("href"))

    macro, call = document.trail(button.offset)

    assert (macro.file, macro.line) == mails.line(PARTS, "<mj-button")
    assert (call.file, call.line) == mails.line("password_reset/password_reset.mjml", "part.button(")


def test_the_text_part_leads_back_too(mails: Mails, document: Document) -> None:
    line = mails.line("password_reset/password_reset.txt", "{{ link }}")

    place = document.text_place(document.text.index("https://"))

    assert (place.file, place.line) == line
    signature = document.text_place(document.text.index("-- \n"))
    assert (signature.file, signature.line) == mails.line("_layout/base.txt", "--")


def test_everything_drawn_leads_to_its_element(document: Document) -> None:
    button = next(element for element in document.elements("mj-button") if element.get("href"))

    drawn = {name for names in re.findall(r'class="([^"]*)"', document.marked_html) for name in names.split()}
    named = {document.lookup.element_of_class(name) for name in drawn}

    assert button in named
    assert {"mj-text", "mj-section", "mj-column", "mj-divider", "mj-wrapper"} <= {each.tag for each in named if each}
    assert document.lookup.element_of_class("card") is None


def test_html_of_the_author_leads_to_its_tag(mails: Mails, document: Document) -> None:
    heading = re.search(r'<h1 data-keyturn="(\d+)"', document.marked_html)

    assert heading
    place = document.place(int(heading[1]))
    assert (place.file, place.line) == mails.line(PARTS, "<h1")


def test_the_marks_change_nothing_else(document: Document) -> None:
    def unmarked(html: str) -> str:
        return re.sub(r' data-keyturn="\d+"| class="[^"]*"', "", html)

    assert unmarked(document.marked_html) == unmarked(document.html)


def test_what_the_compiler_refuses_still_has_its_tree(mails: Mails) -> None:
    mails.plant(PARTS, "{{ label }}</mj-button>", "{{ label }}")

    document = mails.read()

    assert document.html == document.marked_html == ""
    assert document.refusal
    assert any(element.get("href") for element in document.elements("mj-button"))
    assert [fault.kind for fault in document.faults] == ["unclosed-tag"]


def test_a_mail_with_a_mistake_in_its_jinja_is_a_document_with_a_stand_in(mails: Mails) -> None:
    mails.plant(BASE, "{{ lang }}", "{{ lang }")

    document = mails.read()

    assert [fault.line for fault in document.missing] == [mails.line(BASE, "{{ lang }")[1]]
    assert "[[not-rendered]]" in document.markup


def test_a_mail_that_jinja_cannot_compile_is_a_document_with_what_is_wrong(mails: Mails) -> None:
    mails.write("letter/letter.mjml", "{% block a %}1{% endblock %}{% block a %}2{% endblock %}")

    document = mails.read_values("letter", {})

    assert str(document.markup) == "12"
    assert [fault.message for fault in document.missing] == ["block 'a' defined twice"]


def test_a_mail_without_a_text_part_has_an_empty_one(mails: Mails) -> None:
    (mails.folder / "password_reset" / "password_reset.txt").unlink()

    assert mails.read().text == ""


def _source_line(mails: Mails, file: str, line: int) -> str:
    return (mails.folder / file).read_text("utf-8").split("\n")[line - 1]
