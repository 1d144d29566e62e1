"""Broken templates: what is said, where it points, what stays behind. It is never a 500."""

from pathlib import Path

import pytest
from tests.studio.web.fixtures import BASE, Client, overlay, save


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
        ('<mj-spacer height="1500px" />', '<mj-spacer height="1500px">', 7, "&lt;mj-spacer&gt; is never closed"),
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


def test_the_last_good_mail_stays_behind_a_fault(client: Client, folder: Path) -> None:
    assert "Welcome, Ada" in client.get("/studio/templates/greeting?sample=ada").text
    save(folder, "Hello {{ name }}", "Goodbye {{ nmae }}")
    assert "Behind this message is the last version without an error." in overlay(client, query="?sample=ada")
    frame = client.get("/studio/frames/greeting?sample=ada")
    assert frame.status_code == 200
    assert "Hello Ada" in frame.text


def test_behind_samples_that_cannot_be_read_is_the_mail_that_was_seen_last(client: Client, folder: Path) -> None:
    for sample in ("ada", "grace", "ada"):
        client.get(f"/studio/frames/greeting?sample={sample}")
    save(folder, 'name = "Ada"', 'name = "Ada', "greeting/samples.toml")

    assert "Hello Ada" in client.get("/studio/frames/greeting").text


def test_without_a_good_mail_the_frame_says_what_is_wrong(client: Client, folder: Path) -> None:
    save(folder, "Hello {{ name }}", "Goodbye {{ nmae }}")
    assert "<iframe" not in client.get("/studio/templates/greeting").text
    frame = client.get("/studio/frames/greeting")
    assert frame.status_code == 422
    assert "greeting/greeting.mjml:5:21: &#x27;nmae&#x27; is undefined.</pre>" in frame.text
