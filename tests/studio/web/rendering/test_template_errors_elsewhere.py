"""Broken templates and samples of any folder: the overlay says what the checks say, at the same place."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.studio.web.fixtures import Client, overlay, save

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.environments import folder_environment
from keyturn.studio.web.app import Studio, create_studio_app

NEWS = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>Dear {{ name }}</mj-text>
  %s
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Make a folder of another app, whose templates have no types."""
    folder = tmp_path / "mails"
    for file, text in {
        "news.mjml.j2": NEWS % '{% include "partials/foot.mjml.j2" %}',
        "news.samples.json": '{\n  "ada": {\n    "name": "Ada"\n  }\n}\n',
        "partials/foot.mjml.j2": "<mj-text>The end</mj-text>\n",
        "partials/header.html": "<p>Northwind School</p>\n",
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


@pytest.fixture
def other(foreign: Path) -> Iterator[Client]:
    templates = Templates(foreign, {}, reload=True, make_environment=folder_environment(foreign))
    studio = Studio(
        gallery=Gallery(templates=templates, languages=Languages("UTC")), sender="no-reply@northwind.test", token=""
    )
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        yield client


def checks(client: Client, template: str) -> str:
    answer = client.get(f"/studio/templates/{template}?tab=checks").text
    return " ".join(re.sub(r"<[^>]+>", "", answer[answer.index('class="findings"') :]).split())


def test_mjml_whose_mistake_is_in_no_tag_alone_is_shown_as_the_checks_show_it(other: Client, foreign: Path) -> None:
    (foreign / "news.mjml.j2").write_text("<mjlm>{{ name }}</mjlm>")
    said = overlay(other, "news")
    assert said.startswith("MJML has no element &lt;mjlm&gt; news.mjml.j2:1:1 Did you mean &lt;mjml&gt;?")


@pytest.mark.parametrize(
    ("line", "place", "marked", "words"),
    [
        (
            '<b>{{ name }}</b> {% include "partials/heder.html" %}',
            "3:33",
            "partials",
            "Did you mean partials/header.html?",
        ),
        (
            '{% if name %}<mj-include path="./heder.html" />{% endif %}',
            "3:16",
            "&lt;mj-include",
            "The file to include does not exist: heder.html",
        ),
        (
            "<b>{{ name }}</b> {{ name }} {{ 'a'|int + [] }}",
            "3:32",
            "{{ &#39;a&#39;|int + [] }}",
            "Check what this line",
        ),
        ("{{ name }} {% macro cell(x) %}{{ x }}", "3:17", "macro", "Write {% endmacro %} where it ends."),
        ("<b>nmae</b> {{ name }} {{ nmae }}", "3:29", "nmae", "Did you mean name?"),
        (
            "{{ name }} {{ street }}",
            "3:17",
            "street",
            "The sample ada has these values: name. Add street, or do not print it.",
        ),
        ("{{ name }} {% load i18n %}", "3:17", "load", "{% load %} is a tag of Django"),
    ],
)
@pytest.mark.long
def test_the_overlay_says_what_the_checks_say_and_marks_nothing_that_it_does_not_know(
    other: Client, foreign: Path, line: str, place: str, marked: str, words: str
) -> None:
    save(foreign, '{% include "partials/foot.mjml.j2" %}', line, "news.mjml.j2")
    said = overlay(other, "news")
    assert f"news.mjml.j2:{place} " in said
    page = other.get("/studio/templates/news").text
    overlaid = page[page.index('<section class="fault"') :].partition("</section>")[0]
    assert "".join(re.findall("<mark>(.*?)</mark>", overlaid)) == marked
    assert words in said
    assert words in checks(other, "news")
    assert f"news.mjml.j2:{place}" in checks(other, "news")


@pytest.mark.parametrize("query", ["", "?sample=ada", "?sample=ada&lang=en"])
@pytest.mark.long
def test_the_last_good_mail_stays_behind_samples_that_cannot_be_read(client: Client, folder: Path, query: str) -> None:
    client.get(f"/studio/templates/greeting{query}")
    save(folder, 'name = "Ada"', 'name = "Ada', "greeting/samples.toml")
    assert "Behind this message is the last version without an error." in overlay(client, query=query)
    frame = client.get(f"/studio/frames/greeting{query}")
    assert frame.status_code == 200
    assert "Hello Ada" in frame.text
    for what in ("show=source&file=html", "tab=headers", "tab=links", "show=text"):
        overlay(client, query=f"{query or '?'}&{what}")


def test_the_mail_of_another_sample_does_not_stay_behind(client: Client, folder: Path) -> None:
    client.get("/studio/templates/greeting?sample=ada")
    save(folder, 'name = "Ada"', 'name = "Ada', "greeting/samples.toml")
    assert client.get("/studio/frames/greeting?sample=grace").status_code == 422


def test_a_fault_in_the_text_of_another_mail_leads_to_its_source(other: Client, foreign: Path) -> None:
    (foreign / "hello.mjml.j2").write_text(NEWS % "")
    (foreign / "hello.txt").write_text("Hello {{ nmae }}\n")
    (foreign / "letter.txt").write_text("{% include 'hello.txt' %}\n")
    (foreign / "letter.samples.json").write_text('{"zed": {"name": "Zed"}}')
    page = other.get("/studio/templates/letter?sample=zed").text
    links = {unescape(link) for link in re.findall(r'href="(/studio/[^"]*hello[^"]*#L1)"', page)}

    assert links
    assert {other.get(link).status_code for link in links} == {200}


def test_what_breaks_a_template_stands_above_what_only_is_not_there(other: Client, foreign: Path) -> None:
    save(foreign, "Dear {{ name }}", "Dear {{ name|shout }}", "news.mjml.j2")
    save(foreign, '{% include "partials/foot.mjml.j2" %}', "{{ nmae }}", "news.mjml.j2")
    said = checks(other, "news")
    assert said.index("jinja/undefined") < said.index("jinja/unknown-filter")
