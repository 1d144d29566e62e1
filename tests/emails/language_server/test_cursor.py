"""What an author is writing at a place, from the text before it."""

import pytest

from keyturn.emails.language_server.cursor import Cursor, cursor_at, word_at


def at(text: str) -> Cursor:
    """Return what is being written where the text has ¦."""
    return cursor_at(text.replace("¦", ""), text.index("¦"))


@pytest.mark.parametrize(
    ("text", "written", "around"),
    [
        ("<mjml><mj-body><mj-s¦", "mj-s", "mj-body"),
        ("<mjml><mj-head></mj-head>\n<¦", "", "mjml"),
        ("<mj-section><mj-column></mj-column><mj-¦", "mj-", "mj-section"),
        ("<mj-column>{% if a > b %}<mj-¦", "mj-", "mj-column"),
        ("<mj-column><mj-spacer /><mj-¦", "mj-", "mj-column"),
        ("<mj-column><!-- <mj-raw> --><mj-¦", "mj-", "mj-column"),
        ("<mj-text>1 < 2 <b¦", "b", "mj-text"),
        ("<¦", "", ""),
    ],
)
def test_an_element_and_the_one_around_it(text: str, written: str, around: str) -> None:
    assert at(text) == Cursor(kind="element", written=written, element=around)


def test_a_closing_tag_closes_the_innermost_element() -> None:
    assert at("<mj-section><mj-column><mj-text>a</mj-text></¦") == Cursor(kind="closing", element="mj-column")


def test_an_attribute_and_those_that_its_element_has() -> None:
    found = at('<mj-button href="{{ link }}" align="left" col¦')
    assert (found.kind, found.element, found.written) == ("attribute", "mj-button", "col")
    assert found.has == {"href", "align", "col"}


def test_a_value_and_its_attribute() -> None:
    assert at('<mj-button align="le¦') == Cursor(kind="value", element="mj-button", attribute="align", written="le")


@pytest.mark.parametrize(("text", "written"), [("{%¦", ""), ("<p>{%- fo¦", "fo"), ("{% if a %}{% en¦", "en")])
def test_a_tag_of_jinja(text: str, written: str) -> None:
    assert at(text) == Cursor(kind="tag", written=written)


def test_of_several_classes_the_last_is_being_written() -> None:
    assert at('<mj-text css-class="big re¦').written == "re"


@pytest.mark.parametrize(
    ("text", "path", "written"),
    [
        ("{{ na¦", (), "na"),
        ("{{ order.¦", ("order",), ""),
        ("{{ order.customer.na¦", ("order", "customer"), "na"),
        ("{% if user.is¦", ("user",), "is"),
        ("{% for item in order.items %}{{ item.na¦", ("order", "items", "[]"), "na"),
        ("{% for row in rows %}{% for cell in row.cells %}{{ cell.¦", ("rows", "[]", "cells", "[]"), ""),
        ("{% for item in item.items %}{{ item.¦", ("item", "items", "[]"), ""),
        ("<p>{{ a | upper }} {{ b¦", (), "b"),
        ('{{ _("Hello") ~ na¦', (), "na"),
        ('<mj-button href="{{ li¦', (), "li"),
    ],
)
def test_a_name_and_what_holds_it(text: str, path: tuple[str, ...], written: str) -> None:
    assert at(text) == Cursor(kind="name", path=path, written=written)


@pytest.mark.parametrize(
    ("text", "kind", "written"),
    [
        ("{{ name | up¦", "filter", "up"),
        ("{{ name|¦", "filter", ""),
        ("{% if name is not def¦", "test", "def"),
        ('{% include "parts/he¦', "file", "parts/he"),
        ("{% extends '¦", "file", ""),
        ('{% from "macros.mjml¦', "file", "macros.mjml"),
        ('<mj-include path="./fo¦', "file", "./fo"),
    ],
)
def test_a_filter_a_test_or_a_file(text: str, kind: str, written: str) -> None:
    found = at(text)
    assert (found.kind, found.written) == (kind, written)


@pytest.mark.parametrize(
    "text",
    ["<mj-text>Hello ¦", "{# a comment na¦", '{{ _("Hello na¦', "{{ 'it is ¦", "", "<mj-text>a > b ¦", "{{ a }} b¦"],
)
def test_nothing_is_completed_in_text_comments_and_strings(text: str) -> None:
    found = at(text) if "¦" in text else cursor_at(text, 0)
    assert found.kind == ""


@pytest.mark.parametrize(
    "text",
    ["<mj-style>.a { border-radius: 4¦", '<p style="color: red; border-radius: 4¦', "<style>a{border-radius:4¦"],
)
def test_a_declaration_of_css(text: str) -> None:
    found = at(text)
    assert (found.kind, found.property, found.written) == ("declaration", "border-radius", "4")


def test_the_whole_word_around_a_place() -> None:
    text = '<mj-column>{% include "parts/head.mjml" %}'
    assert word_at(text, 3) == Cursor(kind="element", written="mj-column")
    assert word_at(text, text.index("head")).written == "parts/head.mjml"


@pytest.mark.parametrize("text", ["<mj-style>.a { border-radius : 4px; }", '<p style="color: red; border-radius:4px">'])
def test_the_name_of_a_property_stands_for_its_declaration(text: str) -> None:
    found = word_at(text, text.index("radius"))
    assert (found.kind, found.property, found.written) == ("declaration", "border-radius", "4px")


@pytest.mark.parametrize(
    ("text", "kind", "written"),
    [
        ("<mj-style>a:ho¦ver { color: red }", "pseudo", ":hover"),
        ("<style>p { color: red } .card p::be¦fore, p { }", "pseudo", ":before"),
        ("<style>@media (max-width: 600px) { a:ho¦ver { } }", "pseudo", ":hover"),
        ("<style>p { } @media (max-wi¦dth: 600px) { a { } }", "at-rule", "media (max-width: 600px) "),
        ("<style>.ca¦rd { color: red }", "", ""),
        ("<style>@font-face { src:ur¦l(a) }", "declaration", "url(a)"),
    ],
)
def test_a_selector_and_an_at_rule_of_css(text: str, kind: str, written: str) -> None:
    found = word_at(text.replace("¦", ""), text.index("¦"))
    assert (found.kind, found.written) == (kind, written)


def test_the_name_of_an_attribute_stands_for_its_value() -> None:
    text = '<mj-button align = "left" href>'
    found = word_at(text, text.index("lign"))
    assert (found.kind, found.attribute, found.written) == ("value", "align", "left")
    assert word_at(text, text.index("ref")) == Cursor(
        kind="attribute", element="mj-button", written="href", has=frozenset({"align", "href"})
    )


def test_an_endless_text_is_read_only_near_the_place() -> None:
    assert at("<mj-section>" * 100_000 + "<mj-¦").element == "mj-section"
