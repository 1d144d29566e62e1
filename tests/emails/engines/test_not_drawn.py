"""Templates that are recognised and not drawn: on their pages stands why not, and what to do."""

from pathlib import Path

import pytest
from tests.emails.engines.liquid.folders import without_liquid

from keyturn.emails.engines.folder_engine import engine_by_endings, open_templates
from keyturn.emails.engines.not_drawn import CannotDraw, recognised
from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.examination import examine
from keyturn.errors import ExtraMissing


def told(gallery: Gallery) -> list[tuple[str, str, str]]:
    found = (one.finding for one in examine(gallery).found)
    return [(str(one.place), one.rule, one.message) for one in found]


def test_handlebars_says_what_was_recognised_and_where(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "header.hbs").write_text("<p>{{title}}</p>")
    (tmp_path / "welcome.hbs").write_text("<html>\n  {{> header}}\n{{#each items}}{{name}}{{/each}}</html>")
    gallery = open_templates(tmp_path, is_needed=False)
    assert gallery.names() == ["welcome"]
    ((place, rule, message),) = told(gallery)
    assert (place, rule) == ("welcome.hbs:2:3", "handlebars/not-drawn")
    assert message == "This is a Handlebars template ({{> header}}, {{#each}}), which Keyturn cannot render."
    with pytest.raises(CannotDraw, match="Compile the templates to HTML"):
        open_templates(tmp_path)


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ("{{#if a}}{{/if}}{{else}}", ["{{#if}}"]),
        ("{{{ raw }}} {{~#unless a}} {{^b}}", ["{{#unless}}", "{{^b}}"]),
        ("{{> parts/header title=x}}", ["{{> parts/header}}"]),
        ("{{ name }}{# a #}", []),
    ],
)
def test_tags_of_handlebars_own_are_recognised(source: str, tags: list[str]) -> None:
    assert recognised(source) == tags


@pytest.mark.parametrize(
    ("files", "engine"),
    [
        (["a.liquid", "b.html"], "liquid"),
        (["a.liquid.mjml"], "liquid"),
        (["parts/a.mjml.liquid"], "liquid"),
        (["a.liquid", "b.html.j2"], "jinja"),
        (["a.mjml", "b.html"], ""),
        (["a.hbs"], "handlebars"),
        (["a.hbs", "dist/a.html"], ""),
        (["node_modules/a.liquid", ".git/b.liquid", "old/c.liquid"], ""),
        ([], ""),
    ],
)
def test_endings_say_which_engine_draws_a_folder(tmp_path: Path, files: list[str], engine: str) -> None:
    for name in files:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    assert engine_by_endings(tmp_path, ignore=("old/*",)) == engine


def test_without_its_extra_each_page_of_liquid_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_liquid(monkeypatch)
    (tmp_path / "welcome.liquid").write_text("<p>{{ name }}</p>")
    sentence = "Rendering Liquid templates needs: pip install 'keyturn[liquid]'"
    gallery = open_templates(tmp_path, is_needed=False)
    assert told(gallery) == [("welcome.liquid:1:1", "liquid/not-drawn", f"{sentence}.")]
    with pytest.raises(ExtraMissing) as missing:
        open_templates(tmp_path)
    assert str(missing.value) == sentence
