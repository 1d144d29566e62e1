"""Guessed values for templates without samples."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jinja2 import DictLoader, Environment
from tests.studio.folders import found_in

from keyturn import Mails
from keyturn.studio.gallery.variables.guessed_values import guess_values
from keyturn.studio.gallery.variables.plausible_texts import is_placeholder
from keyturn.studio.gallery.variables.recorded_rendering import find_variables


def guessed(template: str) -> dict[str, Any]:
    """Return what is made up for a template."""
    environment = Environment(loader=DictLoader({"mail": template}))  # noqa: S701
    return guess_values(find_variables(["mail"], environment))


def test_object_that_is_printed() -> None:
    """An object that a template prints, beside its attributes, is a text for readers, and no
    mapping of Python.
    """
    team = guessed("{{ team }} {{ team.page_url }}")["team"]
    assert team["page_url"].startswith("https://www.example.com/")
    assert str(team) == "Harbour team"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Ada"),
        ("user.name", "Ada Byrne"),
        ("company_name", "Northwind School"),
        ("customer_email", "ada@northwind.example"),
        ("order.url", "https://www.example.com/orders/1042"),
        ("link_color", "#14614b"),
        ("expires_in", "30 minutes"),
        ("trial_ends_at", "27 November 2026"),
        ("order.total", "62.40"),
        ("amount_due_on", "27 November 2026"),
        ("quantity", 1),
        ("verification_code", "482 913"),
        ("subject", "News from the harbour"),
        ("frobnication_mode", "frobnication mode"),
    ],
)
def test_a_name_says_what_it_is(name: str, value: object) -> None:
    values: Any = guessed("{{ " + name + " }}")
    for part in name.split("."):
        values = values[part]
    assert values == value


def test_a_picture_is_made_here_and_says_what_belongs_there() -> None:
    values = guessed('<img src="{{ product.image_url }}"><img src="{{ logo }}">')
    for address, words in (
        (values["product"]["image_url"], "product image"),
        (values["logo"], "logo"),
    ):
        assert is_placeholder(address)
        assert f">{words}</text>" in unquote(address)
        assert "http" not in unquote(address).replace("http://www.w3.org/2000/svg", "")


def test_attribute_that_a_branch_begins() -> None:
    """A place is known by what is before it, also by the `else` of a branch that begins a file."""
    values = guessed('{% if plain %}<a href="#">{% else %}<a href="{% endif %}{{ place }}">')
    assert values["place"] == "https://www.example.com/place"


def test_a_date_that_is_formatted_is_one() -> None:
    values = guessed(
        "{{ sent_at.strftime('%d') }} {{ due.year }} {{ sent_on }} {{ when|date('d M') }}"
    )
    assert values["sent_at"] == datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
    assert values["due"] == datetime(2026, 11, 27, 14, 32, tzinfo=UTC)
    assert (values["sent_on"], values["when"]) == ("20 November 2026", "20 November 2026")


@pytest.mark.parametrize(
    ("template", "values"),
    [
        (  # what is reckoned with is a number
            (
                "{{ price * 2 }} {{ rooms + 1 }} {{ '%.2f'|format(total) }} "
                "{{ padding|default(12) * 2 }}"
            ),
            {"price": 24.0, "rooms": 3, "total": 62.4, "padding": 12},
        ),
        (  # what is shown as money is a number
            (
                "{{ due|format_currency('EUR') }} {{ amount_due|money }} {{ arrears|currency }} {{ "
                "age|money }}"
            ),
            {"due": "24.00", "amount_due": "62.40", "arrears": "24.00", "age": 9},
        ),
        (  # a state is true where it is asked for
            (
                "{% for task in tasks %}{% if task.done %}{{ task.done }}{% endif %}{% endfor %}"
                "{% if enabled %}{{ enabled }}{% endif %}{% if amount_paid %}{{ amount_paid }}{% "
                "endif %}"
                "{% if date_paid %}{{ date_paid }}{% endif %}"
            ),
            {
                "tasks": [{"done": True}] * 3,
                "enabled": True,
                "amount_paid": "62.40",
                "date_paid": "20 November 2026",
            },
        ),
        (  # what is only asked for is true
            (
                "{% if is_gift %}{% endif %}{% if user.verified and vip %}{% endif %}"
                "{% if label %}{{ label }}{% endif %}"
            ),
            {"is_gift": True, "user": {"verified": True}, "vip": True, "label": "Order"},
        ),
        ("{% if plan == 'team' %}{% elif plan == 'solo' %}{% endif %}{{ plan }}", {"plan": "team"}),
        (  # a fallback is taken where the name says nothing better
            (
                "{{ brand_color|default('#0a7') }} {{ flavour|default('plain') }} {{ "
                "name|default('there') }} {{ text_color|default('') }}"
            ),
            {"brand_color": "#0a7", "flavour": "plain", "name": "Ada", "text_color": "#1c1b19"},
        ),
        (  # what is called is left out
            "{{ url_for('home') }} {{ user.get_full_name() }} {{ user.email }}",
            {"user": {"email": "ada@northwind.example"}},
        ),
    ],
)
def test_the_use_of_a_name_says_what_it_is(template: str, values: dict[str, Any]) -> None:
    assert guessed(template) == values


def test_a_link_that_lets_somebody_in_looks_like_one() -> None:
    values = guessed("{{ reset_password_url }} {{ unsubscribe_url }}")
    assert values["reset_password_url"].startswith("https://www.example.com/reset-password/")
    assert values["unsubscribe_url"] == "https://www.example.com/unsubscribe"


def test_the_sums_of_an_order_are_right() -> None:
    order = guessed(
        "{% for item in order.items %}{{ item.price * item.quantity }}{% endfor %}"
        "{{ order.subtotal + order.shipping + order.total }}"
    )["order"]
    assert sum(item["price"] * item["quantity"] for item in order["items"]) == order["subtotal"]
    assert order["subtotal"] + order["shipping"] == order["total"]


def test_lists_in_lists_end() -> None:
    children = "{% for child in node.children %}{{ tree(child) }}{% endfor %}"
    tree = "{% macro tree(node) %}{{ node.name }}" + children + "{% endmacro %}{{ tree(root) }}"
    assert str(guessed(tree)).count("name") < 100


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{% for n, (label, size) in enumerate(rows) %}{{ n }}{{ label }},{% endfor %}",
            "0Canvas bag,1Dotted notebook, A5,2Enamel mug,",
        ),
        (
            "{% for age, size in zip(ages, sizes) %}{{ age }}{{ size }},{% endfor %}",
            "9M,10A5,12One size,",
        ),
        (
            "{% for size in sorted(sizes) %}{{ size }},{% endfor %}{{ len(sizes) }}",
            "A5,M,One size,3",
        ),
        (
            (
                "{% for kind, text in get_flashed_messages(with_categories=true) %}{{ kind }}{% "
                "endfor %}"
            ),
            "Outdoor",
        ),
        ("{% for nth, (a, b) in numbered(rows) %}{{ nth }} {{ a }} {{ b }}{% endfor %}", "nth a b"),
        ("{% set first, last = split_name(user) %}{{ first }} {{ last }}", "first last"),
        ("{% for n, one in enumerate(get_all(rows)) %}{{ n }}{{ one.size }}{% endfor %}", "0M"),
        (
            "{{ BASE_URL + '/mailbox/' + user.default_mailbox_id }}",
            "https://www.example.com/mailbox/1042",
        ),
        ("{{ order_id + item_id + '/a' }} {{ 'No. ' + number }}", "10421042/a No. 1042"),
        ("{{ url_for('show') + '?page=' + page_number }}", "https://www.example.com/show?page=1"),
    ],
)
def test_answers_of_functions(tmp_path: Path, template: str, text: str) -> None:
    """A function of Python answers as in Python, and an unknown one in the shape that the template
    unpacks.
    """
    files = {"a.html": f"<html><body><p>{template}</p></body></html>"}
    assert found_in(tmp_path, files, "unchecked", "jinja") == []
    assert f"<p>{text}</p>" in Mails.open(tmp_path).render("a").html
