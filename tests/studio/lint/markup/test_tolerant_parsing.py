"""What it takes to find all wrong tags of a file, counted in characters that are parsed."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding

SET = ["{% set x = 1 %}", "{% set y = 2 %}", "{% set title %}Hello", "{% set z = 3 %}"]


def findings_of(rule: str, body: Iterable[str], folder: Path) -> list[Finding]:
    (folder / "news.html").write_text("\n".join(body), "utf-8")
    return [one for one in check(open_gallery(folder)).found if one.rule == rule]


def lines_with(rule: str, body: Iterable[str], folder: Path) -> list[int]:
    return [finding.place.line for finding in findings_of(rule, body, folder)]


def test_each_comment_that_is_never_closed_is_told_at_its_line(tmp_path: Path) -> None:
    body = ["{# closed #}", "{# open", "Boats", "{# of boats", "{{ name", "{# and more"]

    assert {2, 4, 6} <= {*lines_with("jinja/syntax", body, tmp_path)}


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (["{% macro part(a) %}", "{% macro card(a) %}", "{% block body %}", "{{ name }}"], [1, 2, 3]),
        (["{% if name %}", "{% if names %}", "{% if names %}Hello{% endif %}", "{% for name in names %}"], [1, 2, 4]),
        ([*SET, ""], [3]),
        ([*SET, "{% if name %}{% endset %}{% endif %}"], [5]),
    ],
    ids=["a block and macros", "tags of one kind", "a name that is set to a value needs no end", "the end of another"],
)
def test_tags_that_are_not_closed_are_told_each(tmp_path: Path, body: list[str], lines: list[int]) -> None:
    assert lines_with("jinja/syntax", body, tmp_path) == lines


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("{{ name }", "Unexpected '}'. Close {{ with }}, and {% with %}."),
        ("{{ name names }}", "Expected }}, got 'names'. Correct the Jinja tag here."),
        ("{{ name | | }}", "Expected a name, got '|'. Write or."),
        ("{% if name = 'Ada' %}{% endif %}", "Expected %}, got '='. Write == to compare."),
        ("{{ name && name }}", "Unexpected char '&' at 8. Write and."),
        ("{{ “Ada” }}", "Unexpected char '“' at 3. Write straight quotation marks: \"."),
        ("{% if name %}{% else if names %}{% endif %}", "Expected %}, got 'if'. Write elif."),
        ("{% if name %}", "'if' is not closed. Write {% endif %} where it ends."),
        (
            "{% if name %}{% for n in names %}{% endif %}",
            "'for' is not closed before 'endif'. Write {% endfor %} where it ends.",
        ),
    ],
)
def test_a_tag_that_cannot_be_read_is_told_without_the_words_of_a_parser(tmp_path: Path, tag: str, said: str) -> None:
    finding = findings_of("jinja/syntax", [tag], tmp_path)[0]

    assert f"{finding.message} {finding.fix}" == said


def test_a_number_with_too_many_digits_is_told(tmp_path: Path) -> None:
    assert "(4300 digits)" in findings_of("unchecked/part", ["{{ " + "1" * 5000 + " }}"], tmp_path)[0].message
