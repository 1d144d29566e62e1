"""Broken templates: what is said, where it points, what stays behind. It is never a 500."""

import re
from pathlib import Path

import pytest
from tests.studio.folders import written
from tests.studio.web.fixtures import BASE, Client, opened, overlay, save

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.web.app import Studio


def test_a_fault_in_a_shared_file_points_into_that_file(client: Client, folder: Path) -> None:
    save(folder, "{% block content %}", "{{ 1 / 0 }}{% block content %}", "_layout/base.mjml")
    said = overlay(client)
    line = BASE.split("{% block content %}")[0].count("\n") + 1
    assert f"ZeroDivisionError: division by zero _layout/base.mjml:{line}" in said


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("{{ name }}</mj-text>", "{{ name }</mj-text>", 5, "Unexpected &#39;}&#39;"),
        ("</mj-button>", "", 6, "&lt;mj-button&gt; is never closed"),
        ("<mj-text>Hello", "</mj-column><mj-text>Hello", 5, "&lt;/mj-column&gt; closes nothing"),
        ('href="{{ link }}"', "href={{ link }}", 6, "The value of href has no quotes"),
        (
            '<mj-spacer height="1500px" />',
            '<mj-spacer height="1500px">',
            7,
            "&lt;mj-spacer&gt; is never closed",
        ),
    ],
)
def test_a_syntax_error_and_mjml_that_does_not_compile_are_shown_at_the_tag(
    client: Client, folder: Path, old: str, new: str, line: int, words: str
) -> None:
    save(folder, old, new)
    said = overlay(client)
    assert f"greeting/greeting.mjml:{line}" in said
    assert words in said
    assert f">{line} " in said


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("greeting/greeting.mjml", "Hello {{ name }}", "Goodbye {{ nmae }}"),
        ("greeting/samples.toml", 'name = "Ada"', 'name = "Ada'),
    ],
)
@pytest.mark.parametrize("query", ["", "?sample=ada", "?sample=ada&lang=en"])
@pytest.mark.long
def test_the_last_good_mail_stays_behind(
    client: Client, folder: Path, query: str, file: str, old: str, new: str
) -> None:
    assert "Welcome, Ada" in client.get(f"/studio/templates/greeting{query}").text
    save(folder, old, new, file)
    for what in ("", "&show=source&file=html", "&tab=headers", "&tab=links", "&show=text"):
        assert "Behind this message is the last version without an error." in overlay(
            client, query=f"{query or '?'}{what}"
        )
    frame = client.get(f"/studio/frames/greeting{query}")
    assert (frame.status_code, "Hello Ada" in frame.text) == (200, True)
    assert client.get("/studio/frames/greeting?sample=grace").status_code == 422


def test_without_a_good_mail_the_frame_says_what_is_wrong(client: Client, folder: Path) -> None:
    save(folder, "Hello {{ name }}", "Goodbye {{ nmae }}")
    assert "<iframe" not in client.get("/studio/templates/greeting").text
    frame = client.get("/studio/frames/greeting")
    assert frame.status_code == 422
    assert "greeting/greeting.mjml:5:21: &#x27;nmae&#x27; is undefined.</pre>" in frame.text


NEWS = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>Dear {{ name }}</mj-text>
  {% include "partials/foot.mjml.j2" %}
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Make a folder of another app, whose templates have no types."""
    folder = tmp_path / "mails"
    files = {
        "news.mjml.j2": NEWS,
        "news.samples.json": '{"ada": {"name": "Ada"}}',
        "partials/foot.mjml.j2": "<mj-text>The end</mj-text>\n",
        "partials/header.html": "<p>Northwind School</p>\n",
    }
    return written(folder, files)


@pytest.mark.parametrize(
    ("line", "place", "marked", "words"),
    [
        (
            '<b>{{ name }}</b> {% include "partials/heder.html" %}',
            "3:33",
            "partials",
            "mean partials/header.html?",
        ),
        (
            '{% if name %}<mj-include path="./heder.html" />{% endif %}',
            "3:16",
            "&lt;mj-include",
            "not exist: heder",
        ),
        (
            "<b>{{ name }}</b> {{ 'a'|int + [] }}",
            "3:21",
            "{{ &#39;a&#39;|int + [] }}",
            "Check what this line",
        ),
        (
            "{{ name }} {% macro cell(x) %}{{ x }}",
            "3:17",
            "macro",
            "Write {% endmacro %} where it ends.",
        ),
        ("<b>nmae</b> {{ name }} {{ nmae }}", "3:29", "nmae", "Did you mean name?"),
        (
            "{{ name }} {{ street }}",
            "3:17",
            "street",
            "The sample ada has these values: name. Add street, or do",
        ),
        ("{{ name }} {% load i18n %}", "3:17", "load", "{% load %} is a tag of Django"),
    ],
)
@pytest.mark.long
def test_the_overlay_says_what_the_checks_say_and_marks_nothing_that_it_does_not_know(
    foreign: Path, line: str, place: str, marked: str, words: str
) -> None:
    save(foreign, '{% include "partials/foot.mjml.j2" %}', line, "news.mjml.j2")
    with opened(
        Studio(gallery=open_gallery(foreign), sender="no-reply@northwind.test", token="")
    ) as other:
        said, page = overlay(other, "news"), other.get("/studio/templates/news").text
        checks = other.get("/studio/templates/news?tab=checks").text.partition('class="findings"')[
            2
        ]
    checked = " ".join(re.sub(r"<[^>]+>", "", checks).split())
    overlaid = page[page.index('<section class="fault"') :].partition("</section>")[0]
    assert "".join(re.findall("<mark>(.*?)</mark>", overlaid)) == marked
    assert (f"news.mjml.j2:{place} " in said, words in said) == (True, True)
    assert (f"news.mjml.j2:{place}" in checked, words in checked) == (True, True)
