"""What a Django project's templates are given."""

from tests.emails.engines.django.conftest import Ask, guessed


def test_what_a_template_prints_gets_a_value_by_its_use(ask: Ask) -> None:
    source = """{% extends "shop/emails/base.html" %}{% load i18n humanize %}{% block body %}
    {% with total=order.total %}{{ total|floatformat:2 }}{% endwith %}{{ sent_at|date:"Y" }}
    {% for line in order.lines.all %}{{ line.product_name }}{% endfor %}
    {% for label, amount in rows.items %}{{ label }}{{ amount }}{% endfor %}
    {% if plan == "gold" and user.is_staff %}{{ forloop.counter }}{% endif %}
    {% blocktranslate count n=tickets %}{{ n }} ticket for {{ site }}{% plural %}{{ n }} tickets{% endblocktranslate %}
    {% url 'order' number=order_number %}{{ nickname|default:"friend" }}{% endblock %}"""
    values = ask(guessed, source)
    assert list(values) == [
        "order", "sent_at", "rows", "plan", "user", "tickets", "site", "order_number", "nickname", "shop_name",
    ]  # fmt: skip
    assert isinstance(values["order"]["total"], int | float)
    assert [list(line) for line in values["order"]["lines"]["all"]] == [["product_name"]] * 3
    assert len(values["rows"]) == 3
    assert (values["sent_at"].year, values["plan"], values["user"]) == (2026, "gold", {"is_staff": True})
