"""Broken templates: what is said, where it points, what stays behind. It is never a 500."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.studio.conftest import Client
from tests.studio.fixtures import BASE, GREETING, GREETING_SAMPLES

from keyturn.gallery import Gallery
from keyturn.gallery.environments import folder_environment
from keyturn.languages import Languages
from keyturn.mail.render import Templates
from keyturn.studio import Studio, create_studio_app


def overlay(client: Client, template: str = "greeting", query: str = "") -> str:
    """Return the text of the overlay, its code frame with the wrong line marked by `>`."""
    answer = client.get(f"/studio/templates/{template}{query}")
    assert answer.status_code == 200
    section = answer.text[answer.text.index('<section class="fault"') :]
    section = section[: section.index("</section>")]
    marked = re.sub(r'<li value="(\d+)" class="wrong"', r">\1 <li", section)
    return " ".join(re.sub(r"<[^>]+>", "", marked).split())


def break_it(folder: Path, old: str, new: str, file: str = "greeting/greeting.mjml") -> None:
    source = (folder / file).read_text()
    assert old in source
    (folder / file).write_text(source.replace(old, new))


def test_a_syntax_error_is_shown_at_its_line(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Hello {{ name }")
    said = overlay(client)
    assert "Unexpected &#39;}&#39;" in said
    assert "greeting/greeting.mjml:5:16" in said
    assert ">5 &lt;mj-text&gt;Hello {{ name }&lt;/mj-text&gt;" in said


def test_an_unknown_name_is_shown_with_the_one_that_was_meant(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Hello {{ nmae }}")
    said = overlay(client)
    assert "&#39;nmae&#39; is undefined greeting/greeting.mjml:5:19 Did you mean name?" in said


def test_a_name_that_is_like_no_other_is_shown_with_those_that_there_are(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Hello {{ street }}")
    assert "This template is given name, link; add street to its props, or do not print it." in overlay(client)


def test_a_fault_in_a_shared_file_points_into_that_file_and_says_who_came_by(client: Client, folder: Path) -> None:
    break_it(folder, "{% block content %}", "{{ 1 / 0 }}{% block content %}", "_layout/base.mjml")
    said = overlay(client)
    line = BASE.split("{% block content %}")[0].count("\n") + 1
    assert f"ZeroDivisionError: division by zero _layout/base.mjml:{line}" in said
    assert "On the way: greeting/greeting.mjml:1" in said


def test_an_unknown_name_given_to_a_macro_points_to_who_gave_it(client: Client, folder: Path) -> None:
    (folder / "_layout" / "parts.mjml").write_text(
        "{% macro text(words) %}\n<mj-text>{{ words }}</mj-text>\n{% endmacro %}\n"
    )
    break_it(folder, "<mj-text>Hello {{ name }}</mj-text>", "{{ part.text(nmae) }}")
    break_it(folder, "{% block subject %}", '{% import "_layout/parts.mjml" as part %}\n{% block subject %}')
    said = overlay(client)
    assert "greeting/greeting.mjml:6" in said
    assert "_layout/parts.mjml:2" in said


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("</mj-button>", "", 6, "&lt;mj-button&gt; is never closed."),
        ("<mj-text>Hello", "</mj-column><mj-text>Hello", 5, "&lt;/mj-column&gt; closes nothing"),
        ('href="{{ link }}"', "href={{ link }}", 6, "the value of href needs quotes"),
        ('<mj-spacer height="1500px" />', '<mj-spacer height="1500px">', 7, "&lt;mj-spacer&gt; is never closed."),
    ],
)
def test_mjml_that_does_not_compile_is_shown_at_the_tag(
    client: Client, folder: Path, old: str, new: str, line: int, words: str
) -> None:
    break_it(folder, old, new)
    said = overlay(client)
    assert f"greeting/greeting.mjml:{line}" in said
    assert words in said
    assert f">{line} " in said


def test_mjml_broken_in_a_shared_file_points_into_that_file(client: Client, folder: Path) -> None:
    break_it(folder, "    </mj-section>\n", "", "_layout/base.mjml")
    said = overlay(client)
    line = BASE.split("<mj-section>")[0].count("\n") + 1
    assert f"_layout/base.mjml:{line}" in said
    assert "&lt;mj-section&gt; is not closed before &lt;/mj-body&gt;." in said


def test_a_mail_without_a_text_part_is_drawn_and_says_so(client: Client, folder: Path) -> None:
    (folder / "greeting" / "greeting.txt").unlink()
    page = client.get("/studio/templates/greeting?show=text").text
    assert "This mail has no text part" in page
    assert 'class="fault"' not in page


def test_a_template_in_another_encoding_is_a_fault_too(client: Client, folder: Path) -> None:
    (folder / "greeting" / "greeting.mjml").write_bytes(GREETING.encode().replace(b"Hello", b"Gr\xfc\xdfe"))
    said = overlay(client)
    assert "&#39;greeting/greeting.mjml&#39; is not UTF-8 greeting/greeting.mjml:5:12 Save it as UTF-8." in said
    assert ">5 " in said


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('name = "Ada"', 'name = "Ada', 2, "Illegal character"),
        ('name = "Ada"', "name = 5", 2, "Expected `str`, got `int`"),
        ('name = "Ada"\n', "", 1, "missing required field `name`"),
    ],
)
def test_samples_that_cannot_be_read_are_shown_at_their_line(
    client: Client, folder: Path, old: str, new: str, line: int, words: str
) -> None:
    (folder / "greeting" / "samples.toml").write_text(GREETING_SAMPLES.replace(old, new))
    said = overlay(client)
    assert f"greeting/samples.toml:{line}" in said
    assert words in said


@pytest.mark.parametrize("samples", ["what = 'outside'\n", "[only]\nwhat = 'x\n", "\xff"])
def test_samples_of_a_template_without_props_are_checked_as_well(client: Client, folder: Path, samples: str) -> None:
    (folder / "notice" / "samples.toml").write_text(samples, "latin-1")
    assert "notice/samples.toml" in overlay(client, "notice")


def test_the_list_survives_samples_that_cannot_be_read(client: Client, folder: Path) -> None:
    (folder / "greeting" / "samples.toml").write_text("[")
    page = client.get("/studio/templates/notice").text
    assert re.search(r'id="template-greeting".*?>error<', page, re.DOTALL)


def test_the_last_good_mail_stays_behind_a_fault(client: Client, folder: Path) -> None:
    assert "Welcome, Ada" in client.get("/studio/templates/greeting?sample=ada").text
    break_it(folder, "Hello {{ name }}", "Goodbye {{ nmae }}")
    assert "Behind this is the last mail that could be drawn." in overlay(client, query="?sample=ada")
    frame = client.get("/studio/frames/greeting?sample=ada")
    assert frame.status_code == 200
    assert "Hello Ada" in frame.text


def test_without_a_good_mail_the_frame_says_what_is_wrong(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Goodbye {{ nmae }}")
    assert "<iframe" not in client.get("/studio/templates/greeting").text
    frame = client.get("/studio/frames/greeting")
    assert frame.status_code == 422
    assert frame.text == "greeting/greeting.mjml:5:21: 'nmae' is undefined"


def test_a_fault_leads_to_the_line_in_the_source(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Hello {{ nmae }}")
    page = client.get("/studio/templates/greeting?sample=ada").text
    assert 'href="?sample=ada&amp;show=source#L5"' in page
    assert '<li id="L5">' in client.get("/studio/templates/greeting?sample=ada&show=source").text


def test_repairing_it_takes_the_fault_away(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "Hello {{ nmae }}")
    assert "nmae" in overlay(client)
    break_it(folder, "nmae", "name")
    page = client.get("/studio/templates/greeting").text
    assert 'class="fault"' not in page


NEWS = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>Dear {{ name }}</mj-text>
  %s
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Make a folder of another app, of templates that nobody has typed."""
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
    templates = Templates(foreign, {}, reload=True, environment=folder_environment(foreign))
    studio = Studio(gallery=Gallery(templates=templates, languages=Languages("UTC")), sender="no-reply@northwind.test")
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        yield client


def checks(client: Client, template: str) -> str:
    answer = client.get(f"/studio/templates/{template}?tab=checks").text
    return " ".join(re.sub(r"<[^>]+>", "", answer[answer.index('class="findings"') :]).split())


def test_an_unclosed_tag_is_found_in_a_template_with_the_ending_of_jinja(other: Client, foreign: Path) -> None:
    assert "Dear Ada" in other.get("/studio/frames/news").text
    break_it(foreign, "Ada", "Ada", "news.samples.json")
    break_it(foreign, "Dear {{ name }}</mj-text>", "Dear {{ name }}", "news.mjml.j2")
    assert "news.mjml.j2:2:3" in overlay(other, "news")
    assert ">2 &lt;mj-text&gt;Dear" in overlay(other, "news")


def test_an_unclosed_tag_is_found_in_an_included_file_with_the_ending_of_jinja(other: Client, foreign: Path) -> None:
    break_it(foreign, "</mj-text>", "", "partials/foot.mjml.j2")
    said = overlay(other, "news")
    assert "&lt;mj-text&gt; is never closed. partials/foot.mjml.j2:1:1" in said


def test_mjml_whose_mistake_nobody_can_place_says_nothing_of_lines_and_values(other: Client, foreign: Path) -> None:
    (foreign / "news.mjml.j2").write_text("<mjlm>{{ name }}</mjlm>")
    said = overlay(other, "news")
    assert said.startswith("MJML: ")
    assert " news.mjml.j2 " in said
    assert "this line" not in said


@pytest.mark.parametrize(
    ("line", "place", "marked", "words"),
    [
        ('<b>{{ name }}</b> {% include "partials/heder.html" %}', "3:33", "partials",
         "Did you mean partials/header.html?"),
        ('{% if name %}<mj-include path="./heder.html" />{% endif %}', "3:16", "&lt;mj-include",
         "There is no heder.html"),
        ("<b>{{ name }}</b> {{ name }} {{ 'a'|int + [] }}", "3", "", "Look at what this line does"),
        ("{{ name }} {% macro cell(x) %}{{ x }}", "3:14", "{% macro cell(x) %}", "Mend the Jinja tag at this place."),
        ("<b>nmae</b> {{ name }} {{ nmae }}", "3:29", "nmae", "Did you mean name?"),
        ("{{ name }} {{ street }}", "3:17", "street", "The sample ada gives name; add street to it"),
        ("{{ name }} {% load i18n %}", "3:17", "load", "{% load %} is a tag of Django"),
    ],
)  # fmt: skip
def test_the_overlay_says_what_the_checks_say_and_marks_nothing_that_it_does_not_know(
    other: Client, foreign: Path, line: str, place: str, marked: str, words: str
) -> None:
    break_it(foreign, '{% include "partials/foot.mjml.j2" %}', line, "news.mjml.j2")
    said = overlay(other, "news")
    assert f"news.mjml.j2:{place} " in said
    page = other.get("/studio/templates/news").text
    overlaid = page[page.index('<section class="fault"') :].partition("</section>")[0]
    assert "".join(re.findall("<mark>(.*?)</mark>", overlaid)) == marked
    assert words in said
    assert words in checks(other, "news")
    assert f"news.mjml.j2:{place}" in checks(other, "news")


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("news.samples.json", '{\n  "ada": {\n    "name": Ada"\n  }\n}\n', "3:13"),
        ("news.samples.yaml", "grace:\n  name: Grace\n  more: a: b\n", "3:10"),
        ("news.samples.toml", '[grace]\n\nname = "Grace\n', "3:14"),
        ("news.samples.json", '{\n  "ada": {\n    "name": "\xfc"\n  }\n}\n', "3:14"),
    ],
)
def test_samples_of_any_format_are_shown_at_their_place(
    other: Client, foreign: Path, file: str, text: str, place: str
) -> None:
    (foreign / file).write_bytes(text.encode("latin-1"))
    said = overlay(other, "news")
    assert f"{file}:{place} " in said
    assert f">{place[0]} " in said
    assert f"{file}:{place}" in checks(other, "news")


def test_a_name_is_told_as_it_is_written(other: Client, foreign: Path) -> None:
    (foreign / "news.samples.toml").write_text("two = 2\n")
    assert "two stands outside a sample" in overlay(other, "news")
    assert "two stands outside a sample" in checks(other, "news")
    css = other.get("/studio/static/studio.css").text
    assert ".fault h2::first-letter" not in css


@pytest.mark.parametrize("query", ["", "?sample=ada", "?sample=ada&lang=en"])
def test_the_last_good_mail_stays_behind_samples_that_cannot_be_read(client: Client, folder: Path, query: str) -> None:
    client.get(f"/studio/templates/greeting{query}")
    break_it(folder, 'name = "Ada"', 'name = "Ada', "greeting/samples.toml")
    assert "Behind this is the last mail that could be drawn." in overlay(client, query=query)
    frame = client.get(f"/studio/frames/greeting{query}")
    assert frame.status_code == 200
    assert "Hello Ada" in frame.text
    for what in ("show=source&file=eml", "show=source&file=html", "tab=headers", "tab=links", "show=text"):
        overlay(client, query=f"{query or '?'}&{what}")


def test_the_mail_of_another_sample_does_not_stay_behind(client: Client, folder: Path) -> None:
    client.get("/studio/templates/greeting?sample=ada")
    break_it(folder, 'name = "Ada"', 'name = "Ada', "greeting/samples.toml")
    assert client.get("/studio/frames/greeting?sample=grace").status_code == 422


def test_the_data_of_what_cannot_be_read_is_not_said_to_be_nothing(
    client: Client, other: Client, folder: Path, foreign: Path
) -> None:
    (folder / "greeting" / "samples.toml").write_text("[")
    assert "The samples cannot be read." in client.get("/studio/templates/greeting?tab=data").text
    (foreign / "news.samples.json").unlink()
    break_it(foreign, "{{ name }}", "{{ name }", "news.mjml.j2")
    page = other.get("/studio/templates/news?tab=data").text
    assert "Once the template can be drawn, what it is given stands here." in page
    assert "given nothing" not in page


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (
            '{% include "_layout/base.mjml" %}',
            "&#39;_layout/base.mjml&#39; includes or extends itself _layout/base.mjml:1:",
        ),
        (
            '{% extends "_layout/base.mjml" %}',
            "&#39;_layout/base.mjml&#39; includes or extends itself _layout/base.mjml:1:",
        ),
        ('{% include "_layout/a.mjml" %}', "itself, by way of"),
    ],
)
def test_templates_that_go_round_in_a_circle_are_told_as_that(
    client: Client, folder: Path, base: str, words: str
) -> None:
    (folder / "_layout" / "a.mjml").write_text('{% include "_layout/base.mjml" %}')
    (folder / "_layout" / "base.mjml").write_text(base)
    said = overlay(client)
    assert words in said
    assert "RecursionError" not in said
    assert "itself" in checks(client, "greeting")


def test_a_macro_that_calls_itself_is_no_circle_of_files(client: Client, folder: Path) -> None:
    break_it(folder, "Hello {{ name }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")
    assert "RecursionError" in overlay(client)


def test_what_breaks_a_template_stands_above_what_only_is_not_there(other: Client, foreign: Path) -> None:
    break_it(foreign, "Dear {{ name }}", "Dear {{ name|shout }}", "news.mjml.j2")
    break_it(foreign, '{% include "partials/foot.mjml.j2" %}', "{{ nmae }}", "news.mjml.j2")
    said = checks(other, "news")
    assert said.index("jinja/undefined") < said.index("jinja/unknown-filter")
