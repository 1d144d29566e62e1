"""A fault in a mail is found at its line, and so are two others in the same mail, which the fault
does not hide.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from tests.studio.folders import found_in, written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.report import Report
from keyturn.studio.lint.source.origins import with_origins
from keyturn.studio.lint.source.tolerant_parsing import TolerantEnvironment

MJML = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>{}</mj-text>
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="htps://boats.example/orders">Your order of boats</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
OTHERS = [("mjml/unknown-attribute", "news.mjml:3:10"), ("links/unknown-scheme", "news.mjml:4:13")]
SAMPLE = '[ada]\nname = "Ada"\ncount = 0\nlines = [1, 2]\n'


APP = """
from jinja2 import Environment


def who(*_):
    raise RuntimeError("There is no session.")


class User:
    name = property(who)


environment = Environment(autoescape=True)
environment.globals |= {"who": who, "user_proxy": User()}
environment.filters["address"] = environment.tests["known"] = who
"""
"""An app whose functions need a session."""


class _When(Extension):
    """A block with a tag of its own in it, and an end of its own."""

    tags = {"when"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        parser.parse_statements(("name:case",), drop_needle=True)
        parser.parse_expression()
        return parser.parse_statements(("name:end",), drop_needle=True)


def examined(folder: Path, body: str, sample: str = SAMPLE, around: str = MJML) -> Report:
    files = {"news.mjml": around.replace("{}", body), "news.txt": "htps://boats.example/orders"}
    written(folder, files | ({"news.samples.toml": sample} if sample else {}))
    return check_gallery(open_gallery(folder, sandboxed=True))


def told(examination: Report) -> list[tuple[str, str]]:
    """Return the rules and places of all findings but those on mail clients and accessibility."""
    return [
        (one.rule, str(one.place))
        for one in examination.found
        if one.group not in ("compatibility", "accessibility")
    ]


FAULTS = [
    ("{% include 'boats.mjml' %}", "jinja/missing-template", 22),
    (
        "{% from 'boats.mjml' import all %}{% call all() %}x{% endcall %}",
        "jinja/missing-template",
        19,
    ),
    ("{{ name|shout }}", "jinja/unknown-filter", 18),
    ('<a href="mailto:a@b.example"> {% badge %} </a>', "jinja/unknown-tag", 43),
    ("{{ name }", "jinja/syntax", 10),
    ("{% if name %}Boats", "jinja/syntax", 13),
    ("{% if name }Boats{% else %}x{% endif %}", "jinja/syntax", 10),
    ("{% if name %}Boats{% endif }", "jinja/syntax", 28),
    ("{% for line in {lines %}{{ line }}{% endfor %}", "jinja/syntax", 10),
    ("{% for line in lines %}{{ line }}{% endif %}", "jinja/unknown-tag", 46),
    ("{% block boats %}x{% else %}y{% endblock %}", "jinja/unknown-tag", 31),
    ("{{ name }}{{ name|date:'d M' }}{{ name }}", "jinja/django-tag", 20),
    ("<a href=\"{% url 'order' %}\">Your order</a>", "jinja/django-tag", 22),
    ("{% ifequal name 'Ada' %}Ada{% endifequal %}", "jinja/django-tag", 13),
    ("{{ name }}{{ 1 / count }}{{ name }}", "jinja/error", 20),
    ("{% if 1 / count %}{{ name }}{% else %}x{% endif %}", "jinja/error", 10),
    ("{% set share = 1 / count %}{{ share * 2 }}", "jinja/error", 10),
    ("{% for one, two in lines %}{{ one }}{% endfor %}", "jinja/error", 10),
    ("{% filter int(1, 2, 3, 4) %}1{% endfilter %}", "jinja/error", 10),
    ("{% with a = 1 / count %}{{ a }}{% endwith %}", "jinja/error", 10),
    ("{% for n in range(10**9) %}{{ n }}{% endfor %}", "jinja/sandbox", 10),
    ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "jinja/error", 10),
    ("{% set one, two = lines, 2, 3 %}{{ one }}", "jinja/error", 10),
    ("{% set name.first = 'Ada' %}", "jinja/error", 10),
    ("{% for line in lines %}{{ line }}{% else %}{% break %}{% endfor %}", "jinja/syntax", 56),
    (
        "{% for line in lines %}{% macro m() %}{% break %}{% endmacro %}{{ m() }}{% endfor %}",
        "jinja/syntax",
        51,
    ),
    (
        "{% for line in lines(] %}{% if line %}{% continue %}{% endif %}{% endfor %}",
        "jinja/syntax",
        10,
    ),
    ("{% if name %}{% bots name %}{% else %}x{% endif %}", "jinja/unknown-tag", 26),
    ("{% trans 'Boats' %}{% if name %}x{% endif %}", "jinja/django-tag", 13),
    (
        "{% blocktrans count n=lines|length %}One{% plural %}{{ n }}{% endblocktrans %}",
        "jinja/django-tag",
        13,
    ),
    (
        "{% for line in lines|slice:':1' %}{{ line }}{% empty %}x{% endfor %}",
        "jinja/django-tag",
        13,
    ),
    (
        "{% regroup lines by kind as kinds %}{% for kind in kinds %}{{ kind.list }}{% endfor %}",
        "jinja/django-tag",
        13,
    ),
    ("{% comment %}<b>{{ boats|shout }}{% bots %}{% endcomment %}", "jinja/django-tag", 10),
    ("{% for line in lines|slice:':1' %}{{ forloop.counter }}{% endfor %}", "jinja/django-tag", 13),
    ("{% apply upper %}{{ name }}{% endapply %}", "jinja/twig-tag", 13),
    ("{% assign boats = 1 %}{% comment %}<b>{% endcomment %}", "jinja/liquid-tag", 13),
    ("{{ name | date: '%Y' }}", "jinja/liquid-tag", 10),
    ("{{#if name}}x{{else}}y{{/if}}", "jinja/handlebars-tag", 10),
]


IN_A_BRANCH = MJML.replace("{}", "{}</mj-text>{% if vip %}<mj-text>").replace(
    "</mj-column>", "{% endif %}</mj-column>"
)
"""A mail whose sample does not lead to the mistakes."""


@pytest.mark.parametrize(("body", "rule", "column"), FAULTS, ids=[body for body, _, _ in FAULTS])
def test_a_fault_hides_no_mistake_of_its_mail_and_its_branches(
    tmp_path: Path, body: str, rule: str, column: int
) -> None:
    for around in (MJML, IN_A_BRANCH):
        found = told(examined(tmp_path, body, SAMPLE + "vip = false", around))
        assert found == [(rule, f"news.mjml:2:{column}"), *OTHERS]


def test_a_fault_is_told_once_however_many_samples_and_branches_have_it(tmp_path: Path) -> None:
    samples = SAMPLE + "vip = false\n" + SAMPLE.replace("ada", "bob") + "vip = true"
    examination = examined(
        tmp_path, "{{ 1 / count }}{% if not lines %}x{% endif %}", samples, IN_A_BRANCH
    )
    assert told(examination) == [("jinja/error", "news.mjml:2:10"), *OTHERS]
    assert [*map(str, examination.found[0].mails)] == ["news/ada", "news/bob"]


WITH_WHEN = {"extensions": ["jinja2.ext.i18n", _When]}


@pytest.mark.parametrize(
    ("right", "options"),
    [
        ("{{ {'a': '{'} }}", {}),
        ("{{ {'a': {'b': {'c': {'d': 1}}}} }}", {}),
        (r'{{ "a\"}}b" }}', {}),
        ("{# a {# b #}", {}),
        ("{% set (a, b) = 1, 2 %}", {}),
        ("{% trans %}{{ n }} boat{% pluralize %}{{ n }} boats{% endtrans %}", WITH_WHEN),
        ("{% raw %}{{ a }{% if %}{% endraw %}", {}),
        ("{% when %}{% case 1 %}{{ n }}{% end %}", WITH_WHEN),
        ("{% endfor %}", {"block_start_string": "[%", "block_end_string": "%]"}),
        ("{% if n %}\n# endif", {"line_statement_prefix": "#"}),
    ],
)
def test_right_tags_beside_a_wrong_one_are_not_told(right: str, options: dict[str, Any]) -> None:
    environment = with_origins(Environment(**options, autoescape=True))
    assert isinstance(environment, TolerantEnvironment)
    environment.parse(f"{{{{ 1 + }}}}\n{right}")
    assert [error.lineno for error in environment.wrong_tags[None].errors] == [1]


class Parsed(Extension):
    """Counts the characters that are parsed."""

    characters = 0

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
        Parsed.characters += len(source)
        return source


def test_what_many_long_tags_take_is_bounded() -> None:
    Parsed.characters = 0
    environment = with_origins(Environment(extensions=[Parsed], autoescape=True))
    others = "".join(f"{{% elif n{number} %}}" for number in range(99))
    with suppress(TemplateSyntaxError):
        environment.parse("{% if " + "n" * 50_000 + f" %}}{others}{{% endif %}}{{{{ 1 + }}}}")
    assert 50_000 < Parsed.characters < 2_500_000, (
        "each elif with the start of its block would take 5,000,000"
    )


@pytest.mark.parametrize(
    "part",
    [
        "{{ who() }}",
        "{{ user_proxy.name }}",
        "{{ 'orders'|address }}",
        "{% if 'orders' is known %}x{% endif %}",
        "{% for range in who() %}{{ range }}{% endfor %}",
        "{% set dict = rows|length %}{{ 1 / (dict - dict) }}",
    ],
)
def test_a_part_that_calls_the_app_is_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    (tmp_path / "harbour_app.py").write_text(APP, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (folder := tmp_path / "emails").mkdir()
    (folder / "news.html").write_text(f"<p>{part} of the harbour</p>", "utf-8")
    try:
        gallery = open_gallery(folder, environment="harbour_app:environment")
    finally:
        sys.modules.pop("harbour_app", None)
    assert [rule for rule, _ in told(check_gallery(gallery)) if not rule.startswith("parity")] == [
        "unchecked/part"
    ]


def test_a_part_that_fails_with_made_up_values_is_unchecked_and_the_mail_counts(
    tmp_path: Path,
) -> None:
    examination = examined(tmp_path, "{{ sign(rows)|tojson }}", sample="")
    assert told(examination) == [*OTHERS, ("unchecked/part", "news.mjml:2:10")]
    assert [*map(str, examination.unchecked)] == ["news/guessed"]


@pytest.mark.parametrize(
    "include", ['{% include "news.mjml" %}', '<mj-include path="./news.mjml" />']
)
def test_a_mail_that_includes_itself_has_no_mistakes_that_follow_from_that(
    tmp_path: Path, include: str
) -> None:
    around = MJML.replace("<mj-text>{}</mj-text>", include)
    assert told(examined(tmp_path, "", around=around)) == [
        ("jinja/error", "news.mjml:2:1"),
        *OTHERS,
    ]


def test_the_blocks_of_a_mail_without_its_layout_are_checked(tmp_path: Path) -> None:
    around = """\
{% extends "gone.mjml" %}{% block head %}<mj-style>p { color: red }</mj-style>{% endblock %}
{% block body %}<mj-section><mj-column>
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="htps://boats.example/orders">Your order of boats</a></mj-text>
</mj-column></mj-section>{% endblock %}
"""
    assert told(examined(tmp_path, "", around=around)) == [
        ("jinja/missing-template", "news.mjml:1:13"),
        *OTHERS,
    ]


def test_findings_that_follow_from_a_stand_in_are_left_out(tmp_path: Path) -> None:
    body = (
        'x</mj-text>{{ 1 / count }}<mj-image src="{{ 1 / count }}" width="{{ 1 / count }}px" '
        'alt="" /><mj-text>'
    )
    assert told(examined(tmp_path, body)) == [("jinja/error", "news.mjml:2:21"), *OTHERS]


@pytest.mark.parametrize("body", ["{% include 'boats.mjml' %}", "{{ name }", "</mj-text>"])
def test_a_mail_that_is_not_seen_in_full_counts(tmp_path: Path, body: str) -> None:
    assert [*map(str, examined(tmp_path, body).unchecked)] == ["news/ada"]


def test_a_comment_that_ignores_the_fault_accepts_the_mail(tmp_path: Path) -> None:
    comment = "{# keyturn: ignore unchecked because the app signs it #}"
    examination = examined(tmp_path, f"{comment}{{{{ sign(rows)|tojson }}}}", sample="")
    assert [one.rule for one in examination.ignored] == ["unchecked/part"]
    assert [*map(str, examination.unchecked)] == []


def test_a_mail_of_text_alone_is_checked(tmp_path: Path) -> None:
    addresses = [
        "htps://boats.example/{{ name }}",
        "http://boats.example",
        "https://boats.example",
        "https:///boats",
    ]
    said = ["Hello {{ name }}, see:", *addresses, "<b>Boats</b> {{ 1 / 0 }}"]
    (tmp_path / "welcome.txt").write_text("\n".join(said), "utf-8")
    assert told(check_gallery(open_gallery(tmp_path))) == [
        ("links/unknown-scheme", "welcome.txt:2:1"),
        ("links/no-host", "welcome.txt:5:1"),
        ("unchecked/part", "welcome.txt:6:14"),
        ("links/http", "welcome.txt:3:1"),
        ("parity/html-in-text", "welcome.txt:6:1"),
    ]


def test_samples_that_cannot_be_read_hide_nothing_of_the_mail(tmp_path: Path) -> None:
    examination = examined(tmp_path, "Hello {{ name }}", sample="[ada\nname = 1\n")
    found = told(examination)
    assert ("samples/invalid", "news.samples.toml:1:5") in found
    assert {*OTHERS} <= {*found}
    assert [*map(str, examination.unchecked)] == ["news"]


NESTED = """{% extends "base.html" %}
{% block body %}
{% for name in names %}<a href="htps://boats.test">{{ name }}</a>
{% if name %}
<a href="htps://boats.test">Boats</a>
{% endfor %}
<a href="htps://boats.test">Boats</a>
{% endblock %}
"""


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (NESTED, 4, "'if' is not closed before 'endfor'."),
        (
            NESTED.replace("{% endfor %}", "{% endif %}"),
            3,
            "'for' is not closed before 'endblock'.",
        ),
        (
            NESTED.replace("{% endfor %}", "{% endif %}{% endfor %}").replace("{% endblock %}", ""),
            2,
            "",
        ),
    ],
    ids=["endif", "endfor", "endblock"],
)
def test_an_unclosed_tag_hides_nothing_of_a_childs_block(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    base = "<title>Hello</title><body>{% block body %}{% endblock %}</body>"
    found = found_in(tmp_path, {"base.html": base, "news.html": text})
    (syntax,) = (one for one in found if one.rule == "jinja/syntax")
    assert syntax.place.line == line
    assert said in syntax.message
    assert {one.place.line for one in found if one.rule == "links/unknown-scheme"} == {3, 5, 7}


def test_a_mail_that_cannot_be_compiled_for_a_missing_name(tmp_path: Path) -> None:
    """Such a mail is not checked, and a comment in it does not count as unused."""
    mail = (
        "<mjml lang='en'><mj-body>{# keyturn: ignore links/http because it is local #}\n"
        "<mj-section {{ missing }}></mj-section></mj-body></mjml>"
    )
    gallery = open_gallery(
        written(tmp_path, {"a.mjml": mail, "a.samples.toml": "[one]\nname = 'x'\n"})
    )
    report = check_gallery(gallery)
    assert "ignore/unused" not in {finding.rule for finding in report.found}
    assert [mail.template for mail in report.unchecked] == ["a"]
