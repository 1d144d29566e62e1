"""Selectors are read as clients read them: what is meant is found, what cannot be read is dropped."""

import pytest

from keyturn.emails.lint.css.stylesheets import read_style, read_stylesheet
from keyturn.mail.rendering.html_tree import parse_html

PAGE = """<html><body class="page wide"><h1 id="title">Hello</h1><p lang="en-GB">One</p><p>Two</p>
<table data-kind="facts of the day"><tr><td><a href="https://northwind.example/help">Help</a></td></tr></table></body></html>"""


def chosen(selector: str) -> list[str]:
    (rule,) = read_stylesheet(selector + " { color: red }").rules
    nodes = parse_html(PAGE).walk()
    return [node.tag for node in nodes if any(one.matches(node) for one in rule.selectors)]


@pytest.mark.parametrize(
    ("selector", "tags"),
    [
        ("p", ["p", "p"]),
        ("P, h1", ["h1", "p", "p"]),
        (".page.wide", ["body"]),
        (".page.narrow", []),
        ("#title", ["h1"]),
        ("body > p", ["p", "p"]),
        ("html > p", []),
        ("html p", ["p", "p"]),
        ("h1 + p", ["p"]),
        ("h1 ~ p", ["p", "p"]),
        ("h1~table td", ["td"]),
        ("[lang]", ["p"]),
        ("[lang|=en]", ["p"]),
        ("[lang=en]", []),
        ("[data-kind~=of]", ["table"]),
        ('a[href^="https:"]', ["a"]),
        ('a[href$="/help"]', ["a"]),
        ("a[href*=northwind]", ["a"]),
        ("a[href*=elsewhere]", []),
        (":root", ["html"]),
        ("a:link", ["a"]),
        ("a:hover", []),
        ("h1:first-child", ["h1"]),
        ("p:first-child", []),
        ("table:last-child", ["table"]),
        ("body > *", ["h1", "p", "p", "table"]),
        ("p, §", ["p", "p"]),
    ],
)
def test_a_selector_chooses_what_it_means(selector: str, tags: list[str]) -> None:
    assert chosen(selector) == tags


@pytest.mark.parametrize(
    ("selector", "specificity"),
    [("p", (0, 0, 1)), (".a p", (0, 1, 1)), ("#a .b > [c]:hover", (1, 3, 0)), ("*", (0, 0, 0))],
)
def test_a_selector_weighs_as_much_as_the_standard_says(selector: str, specificity: tuple[int, int, int]) -> None:
    (rule,) = read_stylesheet(selector + " {}").rules
    assert rule.selectors[0].specificity == specificity


def test_rules_know_their_places_and_what_is_around_them() -> None:
    css = "p { color: red }\n@media screen {\n  @supports (x: y) {\n    b { top: 0 !important }\n  }\n}\n"
    sheet = read_stylesheet(css)
    inner = sheet.rules[1]
    assert css[inner.offset] == "b"
    assert [around.keyword for around in inner.within] == ["media", "supports"]
    (declaration,) = inner.declarations
    assert (css[declaration.offset :][:3], declaration.important) == ("top", True)


def test_what_is_broken_in_a_style_takes_nothing_else_with_it() -> None:
    assert [one.name for one in read_style("color: red; : ; 12px; padding 3px; margin: 0")] == ["color", "margin"]
    assert len(read_stylesheet("} p { color: red").rules) == 1
