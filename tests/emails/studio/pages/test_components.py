"""What mails share, part by part: parameters, every use, and how it looks alone."""

import re
from pathlib import Path

import pytest
from tests.emails.studio.fixtures import Client

UI = """\
{# what mails are made of #}
{% macro button(label, url, kind="solid", note=none) %}
<mj-button href="{{ url }}"{% if kind == "ghost" %} background-color="#ffffff"{% endif %}>{{ label }}</mj-button>
{% if note %}<mj-text>{{ note }}</mj-text>{% endif %}
{% endmacro %}
{% macro card() %}<mj-section><mj-column>{{ caller() }}</mj-column></mj-section>{% endmacro %}
{% macro nowhere(rows) %}{% for row in rows %}<mj-text>{{ row.name }}</mj-text>{% endfor %}{% endmacro %}
"""
NOTICE = """\
{% import "_layout/ui.mjml" as ui %}
<mjml><mj-head><mj-attributes><mj-button background-color="#14614b" /></mj-attributes></mj-head><mj-body>
{% call ui.card() %}<mj-text>{{ what }}</mj-text>{% endcall %}
<mj-section><mj-column>{{ ui.button("Go", link) }}
{{ ui.button("There", link, note=what) }}
{% include "_layout/foot.mjml" %}</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture(autouse=True)
def shared(folder: Path) -> Path:
    (folder / "_layout" / "ui.mjml").write_text(UI)
    (folder / "_layout" / "foot.mjml").write_text("<mj-text>Written to {{ what }}</mj-text>")
    (folder / "notice" / "notice.mjml").write_text(NOTICE)
    return folder


def frame(client: Client, part: str, options: str = "required", file: str = "_layout/ui.mjml") -> str:
    return client.get(f"/studio/component-frames/{options}/{part}/{file}").text


def test_a_shared_file_leads_to_its_parts_and_back(client: Client) -> None:
    assert 'href="/studio/components/_layout/ui.mjml"' in client.get("/studio/files/_layout/ui.mjml").text
    assert 'href="/studio/files/_layout/ui.mjml"' in client.get("/studio/components/_layout/ui.mjml").text


def test_each_macro_stands_with_its_parameters_and_defaults(client: Client) -> None:
    page = client.get("/studio/components/_layout/ui.mjml").text

    assert "<code>button(label, url, kind=&#34;solid&#34;, note=none)</code>" in page
    assert re.search(r"<code>label</code></th><td>required</td>", page)
    assert re.search(r"<code>kind</code></th><td><code>&#34;solid&#34;</code></td>", page)
    assert page.index("<code>button(") < page.index("<code>nowhere(rows)"), "what is used comes first"


def test_every_use_leads_to_its_line(client: Client) -> None:
    page = client.get("/studio/components/_layout/ui.mjml").text
    uses = re.findall(r'class="row" href="([^"]+)">([^<]+:\d+)</a>', page)

    assert [line for _, line in uses] == ["notice/notice.mjml:4", "notice/notice.mjml:5", "notice/notice.mjml:3"]
    assert uses[0][0] == "/studio/templates/notice?show=source#L4"
    assert "Not used." in page


def test_what_a_layout_imports_is_used_by_the_mails_that_extend_it(client: Client, folder: Path) -> None:
    layout = NOTICE.replace("{{ what }}", "{% block said %}{% endblock %}", 1)
    (folder / "_layout" / "page.mjml").write_text(layout)
    (folder / "notice" / "notice.mjml").write_text(
        '{% extends "_layout/page.mjml" %}\n{% block said %}{{ ui.nowhere([]) }}{{ what }}{% endblock %}'
    )
    (folder / "_layout" / "round.mjml").write_text('{% extends "_layout/round.mjml" %}')

    page = client.get("/studio/components/_layout/ui.mjml").text

    assert "notice/notice.mjml:2</a>" in page
    assert "Not used." not in page


def test_a_file_that_is_included_is_a_part_as_a_whole(client: Client) -> None:
    page = client.get("/studio/components/_layout/foot.mjml").text

    assert "notice/notice.mjml:6" in page
    assert "Written to The heating is back" in frame(client, "-", file="_layout/foot.mjml")


def test_a_part_is_drawn_alone_in_the_head_of_a_mail_that_uses_it(client: Client) -> None:
    plain, whole = frame(client, "button"), frame(client, "button", "all")

    assert "background:#14614b" in plain
    assert "background:#ffffff" in whole, "what a parameter is compared with is what it is given"
    assert whole.count("<td") > plain.count("<td"), "and the note stands below"


def test_a_part_that_takes_content_gets_some(client: Client) -> None:
    assert "Content" in frame(client, "card")


@pytest.mark.long
def test_a_list_is_made_up_for_a_part_that_nothing_uses(client: Client) -> None:
    assert frame(client, "nowhere").count("<div style") >= 3


def test_what_cannot_be_seen_alone_says_why(client: Client, shared: Path) -> None:
    (shared / "_layout" / "foot.mjml").write_text(
        "{% macro styles() %}<mj-style>a {}</mj-style>{% endmacro %}{% macro no() %}{{ 1 / 0 }}{% endmacro %}"
    )

    answer = client.get("/studio/component-frames/required/styles/_layout/foot.mjml")
    assert (answer.status_code, answer.text) == (422, "It belongs in the head of a mail.")
    assert "ZeroDivisionError" in frame(client, "no", file="_layout/foot.mjml")


@pytest.mark.parametrize("path", ["components/_layout/no.mjml", "component-frames/all/no/_layout/ui.mjml"])
def test_what_does_not_exist_is_missing(client: Client, path: str) -> None:
    assert client.get(f"/studio/{path}").status_code == 404


def test_a_file_that_cannot_be_read_says_so(client: Client, shared: Path) -> None:
    (shared / "_layout" / "ui.mjml").write_text("{% macro %}")

    assert "is not valid Jinja" in client.get("/studio/components/_layout/ui.mjml").text
