"""What templates are given, read from the templates themselves."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from jinja2 import DictLoader, Environment

from keyturn.emails.gallery.variables.usage import find_variables
from keyturn.emails.gallery.variables.variables import Variable

Found = Mapping[str, Variable]
Find = Callable[..., Found]


@pytest.fixture
def find() -> Find:
    """Return the variables of `mail`; other templates are given by name."""

    def variables(mail: str, **others: str) -> Found:
        templates = {"mail": mail, **others}
        environment = Environment(loader=DictLoader(templates), extensions=["jinja2.ext.i18n", "jinja2.ext.do"])  # noqa: S701
        environment.globals["site"] = {"name": "Northwind School"}
        return find_variables(["mail"], environment)

    return variables


def tree(found: Found) -> dict[str, object]:
    return {name: tree(one.attributes) for name, one in found.items()}


def test_names_with_their_attributes(find: Find) -> None:
    found = find('{{ name }} {{ user.first_name }} {{ user["address"].city }} {{ order.get("id") }}')

    assert tree(found) == {
        "name": {},
        "user": {"first_name": {}, "address": {"city": {}}},
        "order": {"id": {}},
    }


@pytest.mark.parametrize(
    "template",
    [
        "{% set total = 3 %}{{ total }}",
        "{% set total %}3{% endset %}{{ total }}",
        "{% with total = 3 %}{{ total }}{% endwith %}",
        "{% for total in [1, 2] %}{{ total }}{{ loop.index }}{% endfor %}",
        "{% macro row(total) %}{{ total }}{% endmacro %}{{ row(3) }}",
        "{% macro row() %}{{ caller() }}{{ varargs }}{% endmacro %}{% call(total) row() %}{{ total }}{% endcall %}",
        "{{ site.name }} {{ range(3) }} {{ _('Hello') }} {{ namespace() }}",
        "{% block title %}{{ self.title() }}{{ super() }}{% endblock %}",
    ],
)
def test_what_a_template_makes_itself_is_not_asked_for(find: Find, template: str) -> None:
    assert find(template) == {}


def test_a_name_is_given_where_its_own_is_out_of_sight(find: Find) -> None:
    assert set(find("{% for name in names %}{{ name }}{% endfor %}{{ name }}")) == {"names", "name"}


def test_another_name_for_a_value_is_followed(find: Find) -> None:
    found = find(
        "{% set who = order.customer or user %}{{ who.name }}{% with city = who.address.city %}{{ city }}{% endwith %}"
    )

    expected: dict[str, Any] = {"name": {}, "address": {"city": {}}}
    assert tree(found) == {"order": {"customer": expected}, "user": expected}


@pytest.mark.parametrize(
    "loop",
    [
        "for item in order.items",
        "for item in order.items|sort(attribute='id')|reverse",
        "for item in order.items if item.price",
        "for item in order.items[:3]",
        "for row in order.items|batch(2) %}{% for item in row",
    ],
)
def test_a_list_and_what_is_used_of_each_item(find: Find, loop: str) -> None:
    found = find(f"{{% {loop} %}}{{{{ item.price }}}}{{% endfor %}}{'{% endfor %}' if 'batch' in loop else ''}")

    items = found["order"].attributes["items"]
    assert "list" in items.uses
    assert items.item
    assert "price" in items.item.attributes


def test_groups_lead_to_the_items_of_the_list(find: Find) -> None:
    found = find(
        "{% for kind, some in goods|groupby('kind') %}{{ kind }}"
        "{% for one in some %}{{ one.name }}{% endfor %}{% endfor %}"
    )

    assert found["goods"].item
    assert set(found["goods"].item.attributes) == {"kind", "name"}


def test_a_mapping_that_is_gone_through(find: Find) -> None:
    details = find("{% for label, value in details.items() %}{{ label }} {{ value.text }}{% endfor %}")["details"]

    assert "mapping" in details.uses
    assert details.item
    assert [part.name for part in details.item.parts] == ["label", "value"]
    assert set(details.item.parts[1].attributes) == {"text"}


@pytest.mark.parametrize(
    ("template", "use"),
    [
        ("{{ it }}", "printed"),
        ("{{ it ~ '!' }}", "printed"),
        ("{{ _('Hello %(name)s', name=it) }}", "printed"),
        ("{% if it %}x{% endif %}", "asked"),
        ("{{ 'x' if not it else 'y' }}", "asked"),
        ("{{ it * 2 }}", "number"),
        ("{{ it|round(2) }}", "number"),
        ("{% if it > 0 %}x{% endif %}", "number"),
        ("{{ '%.2f'|format(it) }}", "number"),
        ("{{ '%.2f' % it }}", "number"),
        ("{{ '{:,.2f}'.format(it) }}", "number"),
        ("{% trans count=it %}one{% pluralize %}{{ count }} many{% endtrans %}", "number"),
        ("{{ it.strftime('%d') }}", "moment"),
        ("{{ '{:%d %B}'.format(it) }}", "moment"),
        ("{{ (it - now()).days }}", "moment"),
        ("{{ it.upper() }}", "text"),
        ("{{ it|length }}", "length"),
        ("{{ it|join(', ') }}", "list"),
        ("{{ it(1) }}", "called"),
        ("{% for k, v in it|dictsort %}{% endfor %}", "mapping"),
    ],
)
def test_what_is_done_with_a_value(find: Find, template: str, use: str) -> None:
    assert use in find(template)["it"].uses


def test_what_a_value_is_compared_with_and_what_stands_in_for_it(find: Find) -> None:
    found = find("{% if status == 'paid' or status in ('open', 'late') %}{% endif %}{{ colour|default('#336699') }}")

    assert found["status"].compared == ["paid", "open", "late"]
    assert found["colour"].default == "#336699"


def test_files_that_are_brought_in(find: Find) -> None:
    found = find(
        "{% extends 'base' %}{% block body %}{{ mine }}{% include ['none', 'part'] %}{% endblock %}",
        base="{{ whose }}{% block body %}{{ replaced }}{% endblock %}{% block foot %}{{ kept }}{% endblock %}",
        part="{{ theirs }}",
    )

    assert set(found) == {"mine", "theirs", "whose", "kept"}


@pytest.mark.parametrize(
    "layout",
    [
        "{% import 'parts' as parts %}{% block body %}{% endblock %}",
        "{% block body %}{% endblock %}{% import 'parts' as parts %}",
        "{% extends 'above' %}",
    ],
)
def test_what_a_layout_imports_is_no_variable_of_its_child(find: Find, layout: str) -> None:
    found = find(
        "{% extends 'base' %}{% block body %}{{ parts.button(order.url) }}{% endblock %}",
        base=layout,
        above="{% import 'parts' as parts %}{% block body %}{% endblock %}",
        parts="{% macro button(href) %}<a href='{{ href }}'></a>{% endmacro %}",
    )

    assert set(found) == {"order"}
    assert set(found["order"].attributes) == {"url"}


def test_a_block_that_asks_for_the_one_it_replaces(find: Find) -> None:
    found = find(
        "{% extends 'base' %}{% block body %}{{ super() }}{% endblock %}",
        base="{% block body %}{{ above }}{% endblock %}",
    )

    assert set(found) == {"above"}


@pytest.mark.parametrize(
    "template",
    [
        "{% import 'parts' as parts %}{{ parts.button(order.url) }}",
        "{% from 'parts' import button as b %}{{ b(href=order.url) }}",
    ],
)
def test_a_macro_uses_what_it_is_handed(find: Find, template: str) -> None:
    found = find(template, parts="{% macro button(href) %}{{ href.path }}{{ unseen }}{% endmacro %}")

    assert tree(found) == {"order": {"url": {"path": {}}}}


@pytest.mark.parametrize(
    "other",
    ["{% if %}", "{% load static %}", "{% include 'mail' %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"],
)
def test_what_cannot_be_read_or_goes_in_a_circle_takes_nothing_from_the_rest(find: Find, other: str) -> None:
    assert set(find("{{ name }}{% include 'other' %}", other=other)) == {"name"}


def test_a_mail_that_is_no_template_is_given_nothing(find: Find) -> None:
    assert find("{{ name ") == {}
