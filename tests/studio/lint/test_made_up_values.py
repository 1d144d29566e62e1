"""No error rests on a value that Keyturn made up: the value fits its place, or a warning names
it.
"""

from pathlib import Path

import pytest
from tests.studio.folders import found_in

PAGE = '<html lang="en"><head><title>News</title>{}</head><body><h1>News</h1>\n{}</body></html>'
MJML = "<mjml><mj-body><mj-section><mj-column>\n{}\n</mj-column></mj-section></mj-body></mjml>"
LINK = '<a href="{}">Open the page</a>'


def errors_in(folder: Path, body: str, head: str = "") -> list[str]:
    """Return the errors in a page, and what was not checked."""
    found = found_in(folder, {"a.html": PAGE.format(head, body), "parts/a.html": "<p>A</p>"})
    return [
        f"{one.rule} {one.message}"
        for one in found
        if one.severity == "error" or one.group == "unchecked"
    ]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "{{ hostname }}",
            "{{ confirm }}",
            "{{ deny }}",
            "{{ unsubscribe_oneclick }}",
            "{{ domain }}",
            "{{ weblink }}",
        ),
        *(
            "{{contact_weblink}}",
            "{{ cta }}",
            "{{ data.action }}",
            "{{ base }}{{ path }}",
            "{{ a or b }}",
        ),
        *(
            "http://{{ UnsubscribeURL }}",
            "{{ scheme }}://{{ host }}",
            "{{ protocol }}://{{ domain }}/a",
        ),
        *(
            "mailto:{{ contact_person }}",
            "mailto:{{ user }}@{{ place }}",
            "https://{{ team }}.example.com/{{ title }}",
        ),
        *(
            "https://www.example.com:{{ socket }}/",
            "{{ answer|trim }}",
            "{{ 'https://' ~ summary }}",
        ),
        *(
            "https://www.example.com/{{ headline }}",
            "{{ prefix + '/' + suffix }}",
            "{{ start }}?name={{ message }}",
        ),
        *(
            "{% if cta %}{{ cta }}{% else %}{{ other }}{% endif %}",
            "{% set to = reply %}{{ to }}",
            "tel:{{ hotline }}",
        ),
    ],
)
def test_made_up_address(tmp_path: Path, address: str) -> None:
    """A name in the address of a link is made up as what it must be there."""
    assert errors_in(tmp_path, LINK.format(address)) == []


@pytest.mark.parametrize(
    "body",
    [
        "{% for l in links %}" + LINK.format("{{ l.target }}") + "{% endfor %}",
        "{% macro link(h) %}" + LINK.format("{{ h }}") + "{% endmacro %}{{ link(goal) }}",
        "{% if cta %}" + LINK.format("{{ cta }}") + "{% endif %}",
        "{% for n in tree recursive %}"
        + LINK.format("{{ n.to }}")
        + "{{ loop(n.below) }}{% endfor %}",
        '<table role="presentation" width="{{ w }}"><tr><td>A</td></tr></table>',
        '<p style="color: {{ c }}; width: {{ wide }}px">A</p>',
        '<p style="font-size: {{ large }}; text-align: {{ side }}">A</p>',
    ],
)
def test_made_up_value_of_a_page(tmp_path: Path, body: str) -> None:
    """A name in a loop, a macro, an attribute or a style is made up as what it must be there."""
    assert errors_in(tmp_path, body) == []


@pytest.mark.parametrize(
    "body",
    [
        '<mj-text color="{{ c }}" font-size="{{ s }}" align="{{ side }}">A</mj-text>',
        '<mj-text padding="{{ a }}px {{ b }}px">A</mj-text>',
        '<mj-image src="{{ boat }}" width="{{ w }}" alt="Boat" />',
        (
            '<mj-button href="{{ go }}" background-color="{{ fill }}" inner-padding="{{ p }}">Go '
            "there now</mj-button>"
        ),
        (
            '<mj-navbar base-url="{{ home }}"><mj-navbar-link href="{{ where '
            '}}">News</mj-navbar-link></mj-navbar>'
        ),
    ],
)
def test_made_up_value_of_mjml(tmp_path: Path, body: str) -> None:
    """A name in an attribute of MJML is made up as what it must be there."""
    found = found_in(tmp_path, {"a.mjml": MJML.format(body)})
    assert [one for one in found if one.severity == "error"] == []


def test_made_up_address_in_two_layouts(tmp_path: Path) -> None:
    """A name in a layout of another branch is made up as what it must be there."""
    page = "{% if a %}{% extends '_one.html' %}{% else %}{% extends '_two.html' %}{% endif %}"
    files = {
        "a.html": page,
        "_one.html": PAGE.format("", ""),
        "_two.html": PAGE.format("", LINK.format("{{ goal }}")),
    }
    assert [one.rule for one in found_in(tmp_path, files, "links", "unchecked")] == []


def test_made_up_class(tmp_path: Path) -> None:
    """A class that is made up is one of the stylesheet."""
    head = (
        "<style>.tag-open { color: #ffffff; background-color: #14614b } p { color: #ffffff "
        "}</style>"
    )
    assert errors_in(tmp_path, '<p class="tag-{{ state }}">Open</p>', head) == []


@pytest.mark.parametrize("include", ['"parts/" ~ kind ~ ".html"', "name", "layout_of(user)"])
def test_made_up_include(tmp_path: Path, include: str) -> None:
    """A file that is named by a made-up value is one that exists, or a part that is not checked."""
    found = errors_in(tmp_path, f"{{% include {include} %}}")
    assert {one.partition(" ")[0] for one in found} <= {"unchecked/part"}


def test_made_up_part_of_a_file_name(tmp_path: Path) -> None:
    """If the name of a file has a fixed folder, the rest is made up as that of a file in it."""
    assert errors_in(tmp_path, "{% include 'parts/' ~ kind ~ '.html' %}") == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (LINK.format("/orders/{{ id }}"), "links/relative"),
        (LINK.format("www.{{ domain }}/a"), "links/relative"),
        (LINK.format("htps://{{ host }}"), "links/unknown-scheme"),
        (LINK.format("https://https://{{ host }}"), "links/doubled-scheme"),
        (LINK.format("javascript:go({{ id }})"), "links/forbidden-scheme"),
        (LINK.format("https:/{{ host }}/a"), "links/no-host"),
        ("{% set base = '/a' %}" + LINK.format("{{ base }}"), "links/relative"),
        (
            "{% macro link(h) %}" + LINK.format("{{ h }}") + "{% endmacro %}{{ link('/a') }}",
            "links/relative",
        ),
        ("{% if a %}" + LINK.format("{{ '/a' }}") + "{% endif %}", "links/relative"),
        ('<p style="color: #ffffff; width: {{ w }}px">A</p>', "contrast/light"),
        ("{% include 'missing.html' %}{{ name }}", "jinja/missing-template"),
    ],
)
def test_error_beside_a_made_up_value(tmp_path: Path, body: str, rule: str) -> None:
    """An error that no value of the app would end is an error, also beside a made-up value."""
    assert [one.partition(" ")[0] for one in errors_in(tmp_path, body)] == [rule]


SAID = "Keyturn made up {}, and that value does not fit here."
TWICE = LINK.format("{{ data.link }}") + LINK.format("http://{{ data.link }}")
SAME = (
    '<p style="color: {{ ink }}; background-color: {{ paper }}">A</p><p style="color: {{ '
    'paper }}">B</p>'
)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (TWICE, "data.link"),
        ("{% for one in links %}" + TWICE.replace("data.", "one.") + "{% endfor %}", "links.link"),
        ("{% set to = '%s'|format(links.a|center(9)) %}" + LINK.format("{{ to }}"), "links.a"),
        (
            "{% macro a(h) %}" + LINK.format("{{ h }}") + "{% endmacro %}{{ a(user.a|center(9)) }}",
            "user.a",
        ),
        (LINK.format("{{ address_of(user) }}"), "address_of"),
        ("{% trans to=goal.a|center(9) %}" + LINK.format("{{ to }}") + "{% endtrans %}", "goal.a"),
        ('<p class="tag-{{ state }}">A</p><style>p { color: #ffffff }</style>', "state"),
    ],
)
def test_made_up_value_that_does_not_fit(tmp_path: Path, body: str, name: str) -> None:
    """A made-up value that fits no place is one warning, which names it, and no error."""
    found = found_in(tmp_path, {"a.html": PAGE.format("", body)})
    assert [one.rule for one in found if one.severity == "error"] == []
    assert {one.message for one in found if one.rule == "unchecked/made-up"} == {SAID.format(name)}


def test_written_value_that_does_not_fit(tmp_path: Path) -> None:
    """A value that an author wrote is an error where it does not fit."""
    files = {"a.html": PAGE.format("", LINK.format("{{ to }}")), "a.toml": '[one]\nto = "/orders"'}
    assert [one.rule for one in found_in(tmp_path, files, "links")] == ["links/relative"]


def test_made_up_value_in_a_branch(tmp_path: Path) -> None:
    """Behind a branch that no sample takes, no error rests on a value that the samples lack."""
    branch = "{% if more %}\n" + TWICE.replace("data.link", "link") + "\n{% endif %}"
    files = {"a.html": PAGE.format("", branch), "a.toml": "[one]\nmore = false"}
    found = found_in(tmp_path, files, "links", "unchecked")
    assert {one.severity for one in found} == {"warning", "note"}
    assert [one.message for one in found if one.rule == "unchecked/made-up"] == [
        SAID.format("link")
    ]
