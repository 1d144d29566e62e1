"""What a Django project's templates are given."""

from tests.studio.engines.opened import Ask, found_in, guessed


def test_what_a_template_prints_gets_a_value_by_its_use(ask: Ask) -> None:
    source = """{% extends "shop/emails/base.html" %}{% load i18n humanize %}{% block body %}
    {% with total=order.total %}{{ total|floatformat:2 }}{% endwith %}{{ sent_at|date:"Y" }}
    {% for line in order.lines.all %}{{ line.product_name }}{% endfor %}
    {% for label, amount in rows.items %}{{ label }}{{ amount }}{% endfor %}
    {% if plan == "gold" and user.is_staff %}{{ forloop.counter }}{% endif %}
    {% blocktranslate count n=tickets %}{{ n }} ticket for {{ site }}{% plural %}{{ n }} tickets{% endblocktranslate %}
    {% url 'order' number=order_number %}{{ nickname|default:"friend" }}{% endblock %}"""
    values = ask(guessed, source)
    names = "nickname order order_number plan rows sent_at shop_name site tickets user"
    assert sorted(values) == names.split()
    assert isinstance(values["order"]["total"], int | float)
    assert [list(line) for line in values["order"]["lines"]] == [["product_name"]] * 3
    assert len(values["rows"]) == 3
    assert (values["sent_at"].year, values["plan"], values["user"]) == (2026, "gold", {"is_staff": True})


def test_a_loop_over_pairs_takes_a_mapping_and_one_over_a_name_a_list_of_that_name(ask: Ask) -> None:
    source = """{% for item in order.items %}{{ item.price|floatformat:2 }}{{ item.name }}{% endfor %}{{ order.number }}
    {% for name in team.items %}{{ name }}{% endfor %}{% for item in items %}{{ item.title }}{% endfor %}
    {% for label, amount in sums.items %}{{ label }}{{ amount }}{% endfor %}
    {% for answer in survey.values %}{{ answer.text }}{% endfor %}
    {% for key in house.keys %}{{ key.number }}{% endfor %}"""
    values = ask(guessed, source)
    assert [list(item) for item in values["order"]["items"]] == [["price", "name"]] * 3
    assert all(float(item["price"]) for item in values["order"]["items"])
    assert [list(item) for item in values["items"]] == [["title"]] * 3
    assert [list(answer) for answer in values["survey"]["values"]] == [["text"]] * 3
    assert [list(key) for key in values["house"]["keys"]] == [["number"]] * 3
    assert len(values["team"]["items"]) == 3
    assert isinstance(values["sums"], dict)


def test_a_filter_of_the_project_that_fails_with_a_text_gets_a_number_also_beside_a_wrong_tag(ask: Ask) -> None:
    source = """{% load shop_tags %}{{ name|shout }} {% boat %}{{ fee|euros }} {{ weight|divisibleby:2 }}
    {{ label|center:room }} {{ duty|default:3|euros }} {{ boats|divisibleby:crew }}"""

    values = ask(guessed, source)

    names = ("fee", "weight", "label", "room", "duty", "boats", "crew")
    assert [type(values[name]) for name in names] == [float, int, str, int, int, int, int]
    assert "unchecked/part" not in [rule for _, rule, _, _ in ask(found_in, source)]
