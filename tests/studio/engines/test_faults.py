"""A Django project's mails: what their templates are given, and what is wrong, with its place and
its fix.
"""

import pytest
from tests.studio.engines.opened import Ask, found_beside_layout, found_in, found_in_all, guessed

from keyturn.studio.lint.checks.parts import check_undefined


def test_the_checks_find_what_is_wrong_with_a_mail_in_plain_html(ask: Ask) -> None:
    assert ("accessibility/alt-missing", "shop/emails/receipt.html:9") in ask(found_in_all)


def test_what_a_tag_raises_is_told_at_its_line_and_with_guesses_it_is_none_of_the_templates_faults(
    ask: Ask,
) -> None:
    source = "<p>\n<a href=\"{% url 'order' number=name %}\">x</a>"
    ((place, rule, message, _),) = ask(found_in, source, '[one]\nname = "Ada"\n')
    assert (place, rule) == ("2:10", "django/error")
    assert message.startswith("NoReverseMatch: Reverse for 'order'")
    urls = (source, "{% url boats %}", "{% url 'boats' number %}", "{% url 'boats' 3|add:number %}")
    assert [[rule for _, rule, _, _ in ask(found_in, url)] for url in urls] == [
        ["unchecked/part"]
    ] * 4


@pytest.mark.parametrize(
    ("fault", "place", "rule", "said"),
    [
        ("{{ 1|euros }}", "2:4", "unknown-filter",
         "filter: 'euros'. Write {% load shop_tags %} above it."),
        ("{% tranlate 'x' %}", "2:4", "unknown-tag",
         "Invalid block tag: 'tranlate'. Did you mean translate?"),
        ("{% load shop_tag %}", "2:4", "unknown-library",
         "is not a registered tag library. Did you mean shop_tags?"),
        ("{% include 'shop/emails/foter.html' %}", "2:4", "missing-template",
         "There is no template shop/emails/foter.html. Did you mean shop/emails/footer.html?"),
        ("{% if name %}x", "2:4", "syntax",
         "Unclosed tag: 'if'. Looking for one of: elif, else, endif. Correct the tag here."),
        ("{% url 'boats' name='Ada'|upper %}", "2:4", "error",
         "Check the name and the arguments against the project's URLs."),
        ("{% if name|divisibleby:0 %}x{% endif %}", "2:4", "error", ""),
        ("{% for one, two in lines %}{{ one }}{% endfor %}", "2:4", "error", ""),
        ("{% if name|shout %}x{% else %}y{% endif %}", "2:4", "unknown-filter", ""),
        ("{% for one in lines|shout %}{{ one }}{% empty %}x{% endfor %}", "2:4", "unknown-filter",
         ""),
        ("{% if name %}x{% endfor %}y{% endif %}", "2:18", "unknown-tag", ""),
        ("{{ name name }}", "2:4", "syntax", ""),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_place_and_fix_and_hides_no_other_of_its_mail(
    ask: Ask, fault: str, place: str, rule: str, said: str
) -> None:
    source = f"<p>\n<p>{fault}</p>\n<p>{{% url 'order' number=name %}}</p>\n"
    found = ask(found_in, source, '[one]\nname = "Ada"\nlines = [1, 2]\n')
    assert [(place, rule) for place, rule, _, _ in found] == [
        (place, f"django/{rule}"),
        ("3:4", "django/error"),
    ]
    assert f"{found[0][2]} {found[0][3]}".endswith(said)


def test_layout_without_folder(ask: Ask) -> None:
    """A mistake in a layout whose name has no folder is found at its place, on each version of
    Python.
    """
    found = ask(
        found_beside_layout, "{% extends 'frame.html' %}{% block text %}Hello{% endblock %}"
    )
    assert ("links/relative", "frame.html:2:4") in [(rule, place) for rule, place, _ in found]


def test_missing_layout_without_folder(ask: Ask) -> None:
    """A missing layout whose name has no folder is found, with the file that was meant."""
    found = ask(found_beside_layout, "{% extends 'fram.html' %}")
    assert ("django/missing-template", "Did you mean frame.html?") in [
        (rule, fix) for rule, _, fix in found
    ]


def test_templates_that_bring_in_each_other_without_end_are_told(ask: Ask) -> None:
    ((_, rule, message, _),) = ask(
        found_in, "{% include 'shop/emails/partials/circle.html' %}", "[one]\na = 1\n"
    )
    assert (rule, message) == ("django/error", "Templates include each other in a circle.")


def test_a_name_that_a_sample_lacks_is_told_where_it_is_printed_and_not_where_the_author_expects_it(
    ask: Ask,
) -> None:
    source = (
        '{% load i18n %}{{ order.totl }}{{ nickname|default:"friend" }}'
        "{% if nobody %}{{ nobody }}{% endif %}\n"
        "{% for one in lines %}{{ one }}{% endfor %}{% for one in order.none %}x{% endfor %}\n"
        "{% blocktranslate with name=order.total %}{{ name }} {{ shop }}{% endblocktranslate %}"
        "{{ order.empty }}"
    )
    add = "Add it to the sample one, or give it a default in the template."
    found = ask(
        found_in, source, '[one.order]\ntotal = 1\nnone = []\nempty = ""\n', [check_undefined]
    )
    assert [(place, message, fix) for place, _, message, fix in found] == [
        ("1:16", "'order.totl' has no value, so nothing is printed.", "Did you mean order.total?"),
        ("2:1", "'lines' has no value, so nothing is printed.", add),
        ("3:1", "'shop' has no value, so nothing is printed.", add),
    ]


def test_what_a_template_prints_gets_a_value_by_its_use(ask: Ask) -> None:
    source = """{% extends "shop/emails/base.html" %}{% load i18n humanize %}{% block body %}
    {% with total=order.total %}{{ total|floatformat:2 }}{% endwith %}{{ sent_at|date:"Y" }}
    {% for line in order.lines.all %}{{ line.product_name }}{% endfor %}
    {% for label, amount in rows.items %}{{ label }}{{ amount }}{% endfor %}
    {% for item in cart.items %}{{ item.name }}{% endfor %}
    {% for key in house.keys %}{{ key.number }}{% endfor %}
    {% if plan == "gold" and user.is_staff %}{{ forloop.counter }}{% endif %}
    {% blocktranslate count n=tickets %}{{ n }} ticket for {{ site }}
    {% plural %}{{ n }} tickets{% endblocktranslate %}
    {% url 'order' number=order_number %}{{ nickname|default:"friend" }}{% endblock %}"""
    values = ask(guessed, source)
    names = "cart house nickname order order_number plan rows sent_at shop_name site tickets user"
    assert sorted(values) == names.split()
    assert isinstance(values["order"]["total"], int | float)
    assert [list(line) for line in values["order"]["lines"]] == [["product_name"]] * 3
    assert len(values["rows"]) == 3
    assert [list(one) for one in (*values["cart"]["items"], *values["house"]["keys"])] == [
        ["name"]
    ] * 3 + [["number"]] * 3
    assert (values["sent_at"].year, values["plan"], values["user"]) == (
        2026,
        "gold",
        {"is_staff": True},
    )


def test_a_filter_of_the_project_that_fails_with_a_text_gets_a_number_also_beside_a_wrong_tag(
    ask: Ask,
) -> None:
    source = """{% load shop_tags %}{{ name|shout }} {% boat %}
    {{ fee|euros }} {{ weight|divisibleby:2 }}
    {{ label|center:room }} {{ duty|default:3|euros }} {{ boats|divisibleby:crew }}"""
    values = ask(guessed, source)
    names = ("fee", "weight", "label", "room", "duty", "boats", "crew")
    assert [type(values[name]) for name in names] == [float, int, str, int, int, int, int]
    assert "unchecked/part" not in [rule for _, rule, _, _ in ask(found_in, source)]


def test_variables_beside_an_empty_tag(ask: Ask) -> None:
    """A tag without a word, which Django refuses, does not hide the variables of its file."""
    assert list(ask(guessed, "{{ name }}{% %}")) == ["name"]
