"""Templates that note which branches they take draw what they drew."""

import pytest
from jinja2 import DictLoader, Environment
from jinja2.sandbox import ImmutableSandboxedEnvironment

from keyturn.emails.gallery.branches.points import Branch, record_branches, with_recording

FILES = {
    "base.html": "<b>{% block head %}{% if title %}{{ title }}{% endif %}{% endblock %}</b>"
    "{% block body %}{% if title %}body{% endif %}{% endblock %}",
    "ui.html": "{% macro item(one, last=false) -%}<i>{{ one }}{{ '.' if last else ',' }}</i>{%- endmacro %}"
    "{% macro box() %}[{{ caller() }}]{% endmacro %}",
    "mail.html": """{% extends "base.html" %}{% import "ui.html" as ui %}
{% block body %}{{ super() }}
{% for one in items if one != 'c' %}{{ ui.item(one, loop.last) }}{{ loop.length }}{% else %}none{% endfor %}
{%- for key, value in table|dictsort recursive %} {{ key }}{{ loop(value.items()) if value is mapping }}{% endfor %}
{% set size = items|length %}{% if size > 2 %}many{% elif size %}few{% else %}no{% endif %}
{% filter upper %}{% if title %}<u>{{ title }}{% endif %}{% endfilter %}
{% call ui.box() %}{{ title or 'nobody' }}{% endcall %}
{% endblock %}""",
}
GIVEN = [
    {"title": "A & B", "items": ["a", "b", "c"], "table": {"x": {"y": {}}, "z": 1}},
    {"title": "", "items": ["c"], "table": {}},
    {"items": [], "table": {}},
]


@pytest.mark.parametrize("kind", [Environment, ImmutableSandboxedEnvironment])
@pytest.mark.parametrize("values", GIVEN)
def test_the_text_is_the_same_to_the_byte(kind: type[Environment], values: dict[str, object]) -> None:
    environment = kind(loader=DictLoader(FILES), autoescape=True)

    with record_branches():
        recorded = with_recording(environment).get_template("mail.html").render(values)

    assert recorded == environment.get_template("mail.html").render(values)


def test_each_way_that_is_gone_is_noted() -> None:
    environment = with_recording(Environment(loader=DictLoader(FILES)))  # noqa: S701 - no page is made

    taken = []
    for values in GIVEN:
        with record_branches() as recorder:
            environment.get_template("mail.html").render(values)
        taken.append(recorder.taken)

    loops = [{branch.outcome for branch in those if branch[:2] == ("mail.html", 0)} for those in taken]
    assert loops == [{"several"}, {"none"}, {"none"}]
    assert Branch("ui.html", 0, "called") in taken[0]
    assert {Branch("base.html", 0, "yes"), Branch("base.html", 1, "yes")} <= taken[0]
    sizes = [{branch.outcome for branch in those if branch[:2] == ("mail.html", 3)} for those in taken]
    assert sizes == [{"yes"}, {"no"}, {"no"}]


def test_nothing_is_noted_where_nobody_asks() -> None:
    template = with_recording(Environment()).from_string("{% if a %}a{% endif %}")  # noqa: S701 - no page is made

    assert template.render(a=1) == "a"
