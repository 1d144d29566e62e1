"""Options for other engines than Jinja, and folders of Handlebars on the command line."""

from pathlib import Path

import pytest
from tests.cli.command import Keyturn

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--env", "a:b", "--django", "a.b"], "--env is for Jinja and --django for Django: use one of them"),
        (["--env", "a:b"], "--env is for your own templates: name their folder"),
    ],
)
def test_two_engines_are_not_named_together(keyturn: Keyturn, arguments: list[str], said: str) -> None:
    refused = keyturn("check", *arguments)
    assert (refused.code, refused.err) == (1, f"keyturn: {said}\n")


def test_a_folder_of_handlebars_is_recognised_and_told_what_to_do(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "welcome.hbs").write_text("{{> header }}{{#if paid}}{{name}}{{/if}}{{#each items}}{{/each}}")
    refused = keyturn("check", str(tmp_path))
    assert (refused.code, refused.out) == (1, "")
    assert "contains Handlebars templates" in refused.err
    assert "Compile the templates to HTML and open that folder" in refused.err
    assert "keyturn studio --smtp 1025" in refused.err


def test_templates_of_another_engine_beside_those_that_are_checked_are_named(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "news.html.j2").write_text("<p>News</p>")
    (tmp_path / "keyturn.toml").write_text('[studio]\nignore = ["old/*"]\n')
    (tmp_path / "old").mkdir()
    alone = keyturn("check", str(tmp_path), "--format", "json")
    for name in ("a.hbs", "b.handlebars", "c.hbs", "d.hbs", "old/e.hbs"):
        (tmp_path / name).write_text("<p>{{name}}</p>")

    shown = keyturn("check", str(tmp_path), "--format", "json")

    assert (shown.code, shown.out, alone.err) == (alone.code, alone.out, "")
    assert shown.err.splitlines() == [
        (
            "Not checked: 4 templates of Handlebars, a.hbs, b.handlebars, c.hbs and 1 more. "
            "Compile them to HTML, and check the folder with the HTML."
        ),
    ]
