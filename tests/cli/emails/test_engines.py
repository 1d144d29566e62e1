"""Folders of Liquid and of Handlebars on the command line: by their endings, by an option, or by a setting."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.command import Keyturn
from tests.emails.engines.liquid.folders import NOTIFICATIONS, without_liquid

pytestmark = pytest.mark.long

PAGE = "<html><body><p>{{ name | upcase }}</p></body></html>"
ITS_EXTRA = "Rendering Liquid templates needs: pip install 'keyturn[liquid]'"


def test_a_folder_of_liquid_is_checked_by_its_endings(keyturn: Keyturn) -> None:
    checked = keyturn("check", str(NOTIFICATIONS), "--format", "json", "--no-cache")
    found = {(one["rule"], one["line"]) for one in json.loads(checked.out)["findings"]}
    assert (checked.code, checked.err) == (1, "")
    assert {("mjml/unknown-attribute", 13), ("liquid/host-filter", 24)} <= found


def test_what_has_other_endings_is_liquid_where_somebody_says_so(keyturn: Keyturn, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "welcome.html").write_text(PAGE)
    (folder / "welcome.samples.toml").write_text('[ada]\nname = "ada"\n')
    as_jinja = keyturn("check", str(folder), "--only", "jinja", "--format", "json")
    assert [one["rule"] for one in json.loads(as_jinja.out)["findings"]] == ["jinja/unknown-filter"]
    by_option = keyturn("render", "welcome", "--dir", str(folder), "--liquid")
    assert "<p>ADA</p>" in by_option.out
    (tmp_path / "pyproject.toml").write_text('[tool.keyturn.studio]\nengine = "liquid"\n')
    by_setting = keyturn("render", "welcome", "--dir", str(folder))
    assert "<p>ADA</p>" in by_setting.out


def test_jinja_stays_jinja_beside_a_file_of_liquid(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "welcome.html.j2").write_text("<p>{{ name.upper() }}</p>")
    (tmp_path / "welcome.samples.toml").write_text('[ada]\nname = "ada"\n')
    (tmp_path / "old.liquid").write_text(PAGE)
    assert keyturn("render", "welcome", "--dir", str(tmp_path)).out == "<p>ADA</p>"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--liquid", "--django", "a.b"], "--django for Django and --liquid for Liquid: use one of them"),
        (["--liquid", "--env", "a:b"], "--env is for Jinja and --liquid for Liquid: use one of them"),
        (["--liquid"], "--liquid is for your own templates: name their folder"),
    ],
)
def test_two_engines_are_not_named_together(keyturn: Keyturn, arguments: list[str], said: str) -> None:
    refused = keyturn("check", *arguments)
    assert (refused.code, refused.err) == (1, f"keyturn: {said}\n")


def test_an_engine_that_there_is_not_and_jinjas_environment_beside_liquid_are_told(
    keyturn: Keyturn, tmp_path: Path
) -> None:
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.keyturn.studio]\nengine = "twig"\n')
    assert "engine: must be one of jinja, liquid, not 'twig'" in keyturn("check", str(tmp_path)).err
    settings.write_text('[tool.keyturn.studio]\nengine = "liquid"\nenv = "a.b:c"\n')
    assert "engine: env is for Jinja: remove env or engine" in keyturn("check", str(tmp_path)).err


def test_where_the_extra_is_missing_one_sentence_says_what_to_install(
    keyturn: Keyturn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_liquid(monkeypatch)
    shutil.copy(NOTIFICATIONS / "shipped.mjml.liquid", tmp_path)
    refused = keyturn("check", str(tmp_path))
    assert (refused.code, refused.out, refused.err) == (1, "", f"keyturn: {ITS_EXTRA}\n")


def test_a_folder_of_handlebars_is_recognised_and_told_what_to_do(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "welcome.hbs").write_text("{{> header }}{{#if paid}}{{name}}{{/if}}{{#each items}}{{/each}}")
    refused = keyturn("check", str(tmp_path))
    assert refused.code == 1
    assert "contains Handlebars templates ({{> header}}, {{#if}}, {{#each}})" in refused.err
    assert "Compile the templates to HTML and open that folder" in refused.err
    assert "keyturn studio --smtp 1025" in refused.err


def test_templates_of_another_engine_beside_those_that_are_checked_are_named(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "news.html.j2").write_text("<p>News</p>")
    (tmp_path / "keyturn.toml").write_text('[studio]\nignore = ["old/*"]\n')
    (tmp_path / "old").mkdir()
    alone = keyturn("check", str(tmp_path), "--format", "json")
    for name in ("a.hbs", "b.handlebars", "c.hbs", "d.hbs", "old/e.hbs", "sale.liquid"):
        (tmp_path / name).write_text("<p>{{name}}</p>")

    shown = keyturn("check", str(tmp_path), "--format", "json")

    assert (shown.code, shown.out, alone.err) == (alone.code, alone.out, "")
    assert shown.err.splitlines() == [
        (
            "Not checked: 4 templates of Handlebars, a.hbs, b.handlebars, c.hbs and 1 more. "
            "Compile them to HTML, and check the folder with the HTML."
        ),
        (
            "Not checked: 1 template of Liquid, sale.liquid. "
            "Move them into a folder of their own. If all templates are Liquid, add --liquid."
        ),
    ]
