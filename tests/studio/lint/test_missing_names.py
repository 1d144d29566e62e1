"""Names that no sample has, and all wrong tags of a file: each is told once, and hides nothing."""

from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery

MJML = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
{}
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="orders/42">Your order of boats</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def told(folder: Path, body: str) -> dict[str, list[str]]:
    files = {
        "news.mjml": MJML.replace("{}", body),
        "news.samples.toml": '[ada]\nname = "Ada"\nprices = [1.5]\n',
    }
    rules: dict[str, list[str]] = {}
    for found in found_in(folder, files):
        rules.setdefault(found.rule, []).append(f"{found.place}: {found.message}")
    return rules


NMAE = "'nmae' is undefined."


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (
            "{% set user = {'pet': {'name': 'Rex'}} %}{{ user.pet.nmae }}",
            ["2:54: 'user.pet' has no attribute 'nmae'."],
        ),
        (
            "{% for one in [1, 2, 3] %}<mj-text>{{ nmae }}</mj-text>{% endfor %}",
            [f"2:39: {NMAE}"],
        ),  # once
        (
            "{% macro hello(who) %}<mj-text>{{ who }}</mj-text>{% endmacro %}\n\n{{ hello(nmae) }}",
            [f"4:10: {NMAE}"],
        ),
        (
            "<mj-text>{{ (nmae > 3) is boolean or other }}</mj-text>",
            [f"2:14: {NMAE}"],
        ),  # compared, it is no
        (
            "{{ one }}\n{% if nobody %}x{% endif %}{{ two }}",
            ["2:4: 'one' is undefined.", "3:31: 'two' is undefined."],
        ),
    ],
)
def test_a_missing_name_is_told(tmp_path: Path, body: str, messages: list[str]) -> None:
    assert told(tmp_path, body)["jinja/undefined"] == [f"news.mjml:{said}" for said in messages]


@pytest.mark.parametrize(
    "use",
    [
        *("{{ nmae.first.letter }}", "{{ '%d'|format(nmae) }}", "{{ '{:>3}'.format(nmae) }}"),
        *(
            "{{ nmae|round(2) }}",
            "{{ nmae|abs }}",
            "{{ nmae['x'] }}",
            "{% if nmae > 3 %}many{% endif %}",
        ),
        "{{ prices|sum + nmae }}",
    ],
)
def test_whatever_is_done_with_it_the_rest_is_looked_at(tmp_path: Path, use: str) -> None:
    rules = told(tmp_path, f"<mj-text>{use}</mj-text>")
    assert [place.partition(": ")[0].rpartition(":")[0] for place in rules["jinja/undefined"]] == [
        "news.mjml:2"
    ]
    assert rules["mjml/unknown-attribute"][0].startswith("news.mjml:3:10")
    assert rules["links/relative"][0].startswith("news.mjml:4:")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("datetimeformat", "Flask-Babel has one of this name; "),
        ("format_datetime", "Babel has one of this name; "),
        ("naturaltime", "Django has one of this name; "),
        ("dateform", "Check its spelling; "),
        ("uper", "Did you mean upper? Otherwise, "),
        ("truncat", "Did you mean truncate? Otherwise, "),
    ],
)
def test_only_what_is_close_is_meant_and_what_is_known_is_named(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "welcome.html").write_text(f"<p>{{{{ when|{name} }}}}</p>")

    (finding,) = check_gallery(open_gallery(tmp_path)).with_rules(["jinja"]).found

    assert finding.message == f"No filter named '{name}'."
    assert finding.fix.startswith(said)
    assert finding.fix.endswith("--env package.module:environment.")


SET = ["{% set x = 1 %}", "{% set y = 2 %}", "{% set title %}Hello", "{% set z = 3 %}"]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (
            ["{% macro part(a) %}", "{% macro card(a) %}", "{% block body %}", "{{ name }}"],
            [1, 2, 3],
        ),
        (
            [
                "{% if name %}",
                "{% if names %}",
                "{% if names %}Hello{% endif %}",
                "{% for name in names %}",
            ],
            [1, 2, 4],
        ),
        ([*SET, ""], [3]),  # one that is set to a value needs no end
        ([*SET, "{% if name %}{% endset %}{% endif %}"], [5]),
        (
            ["{# closed #}", "{# open", "Boats", "{# of boats", "{{ name", "{# and more"],
            [2, 4, 6, 5],
        ),
    ],
)
def test_tags_and_comments_that_are_not_closed_are_told_each(
    tmp_path: Path, body: list[str], lines: list[int]
) -> None:
    found = found_in(tmp_path, {"news.html": "\n".join(body)}, "jinja/syntax")
    assert [one.place.line for one in found] == lines


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("{{ name }", "Unexpected '}'. Close {{ with }}, and {% with %}."),
        ("{{ name names }}", "Expected }}, got 'names'. Correct the Jinja tag here."),
        ("{{ name | | }}", "Expected a name, got '|'. Write or."),
        ("{% if name = 'Ada' %}{% endif %}", "Expected %}, got '='. Write == to compare."),
        ("{{ “Ada” }}", "Unexpected char '“' at 3. Write straight quotation marks: \"."),
        ("{% if name %}{% else if names %}{% endif %}", "Expected %}, got 'if'. Write elif."),
        ("{% if name %}", "'if' is not closed. Write {% endif %} where it ends."),
        (
            "{% if name %}{% for n in names %}{% endif %}",
            "'for' is not closed before 'endif'. Write {% endfor %} where it ends.",
        ),
    ],
)
def test_a_tag_that_cannot_be_read_is_told_without_the_words_of_a_parser(
    tmp_path: Path, tag: str, said: str
) -> None:
    finding = found_in(tmp_path, {"news.html": tag}, "jinja/syntax")[0]
    assert f"{finding.message} {finding.fix}" == said
