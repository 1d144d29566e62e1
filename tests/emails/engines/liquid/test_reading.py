"""What templates of Liquid are given, and every branch of them."""

from typing import Any

import pytest
from tests.emails.engines.liquid.folders import Written

from keyturn.emails.gallery import Gallery


def guessed(written: Written, source: str, **others: str) -> dict[str, Any]:
    return dict(written(source, others).samples("mail")["guessed"].values)


def test_what_a_template_prints_gets_a_value_by_its_use(written: Written) -> None:
    source = """<p>{{ shop.name }}{{ total_price | money }}{{ created_at | date: "%Y" }}{{ nick | default: "friend" }}
    {% for line in line_items %}{{ line.title }}{{ forloop.index }}{{ line.quantity | times: 2 }}{% endfor %}
    {% if requires_shipping and plan == "gold" %}{{ now | date: "%Y" }}{% endif %}
    {% unless gift %}{% endunless %}{% case status %}{% when "paid" %}{% when "open" %}{% endcase %}
    {% assign first = line_items.first %}{{ first.sku }}{% capture all %}{{ city }}{% endcapture %}{{ all }}
    {% for line in line_items %}{% assign last = line.vendor %}{% endfor %}{{ last }}{{ tags | join: ", " }}
    {% tablerow photo in photos %}{{ photo.alt }}{% endtablerow %}{% render 'part', given: code %}</p>"""
    values = guessed(written, source, **{"snippets/part.liquid": "{{ given | upcase }}{{ shop.email }}"})
    assert list(values) == [
        "shop",
        "total_price",
        "created_at",
        "nick",
        "line_items",
        "requires_shipping",
        "plan",
        "gift",
        "status",
        "city",
        "tags",
        "photos",
        "code",
    ]
    assert list(values["shop"]) == ["name", "email"]
    assert isinstance(values["total_price"], int | float)
    assert values["created_at"].year == 2026
    assert [set(line) for line in values["line_items"]] == [{"title", "quantity", "sku", "vendor"}] * 3
    assert (values["requires_shipping"], values["plan"], values["gift"]) == (True, "gold", True)
    assert (values["status"], len(values["tags"]), list(values["photos"][0])) == ("paid", 3, ["alt"])


def test_a_template_that_cannot_be_read_asks_for_nothing(written: Written) -> None:
    assert guessed(written, "<p>{{ name }}{% if %}") == {}


def test_every_way_through_a_notification_is_drawn(notifications: Gallery) -> None:
    report = notifications.branches("order_confirmation")
    assert report is not None
    assert {one.name.removeprefix("branch: ") for one in report.samples} >= {
        "without customer.first_name",
        "line_items is empty",
        "without requires_shipping",
        "financial_status is refunded",
        "is_gift",
    }
    assert report.coverage.percent == 100.0
    assert report.never_rendered == ()


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("<p>{% if a %}\nA\n{% endif %}\n{% if a > 10 and a < 5 %}\nB\n{% endif %}", ["mail.liquid:5"]),
        ("<p>{% for i in rows %}\n{% if forloop.index > 90 %}\nlate{% endif %}{% endfor %}", ["mail.liquid:3"]),
        ("<p>{% assign a = 1 %}{% if a == 2 %}\nnever{% endif %}", ["mail.liquid:2"]),
    ],
)
def test_what_no_value_draws_is_told_with_its_lines(written: Written, source: str, lines: list[str]) -> None:
    report = written(source, {"mail.samples.toml": "[one]\na = 7\nrows = [1]\n"}).branches("mail")
    assert report is not None
    assert [one.lines for one in report.never_rendered] == lines


def test_names_that_only_one_branch_prints_are_made_up_for_it(written: Written) -> None:
    gallery = written("<p>{% if company %}{{ company.name }}{% endif %}", {"mail.samples.toml": "[one]\nname = 1\n"})
    report = gallery.branches("mail")
    assert report is not None
    (found,) = report.samples
    assert list(found.values["company"]) == ["name"]
