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


def test_templates_of_handlebars_are_named_as_skipped(keyturn: Keyturn, tmp_path: Path) -> None:
    (tmp_path / "welcome.hbs").write_text("{{> header }}{{#if paid}}{{name}}{{/if}}{{#each items}}{{/each}}")
    skipped = f"skipped {tmp_path}/welcome.hbs: it is a template of Handlebars"

    refused = keyturn("check", str(tmp_path))
    (tmp_path / "news.html.j2").write_text("<p>News</p>")
    shown = keyturn("check", str(tmp_path), "--format", "json")

    assert (refused.code, refused.out) == (1, "")
    assert skipped in refused.err
    assert "has no templates" in refused.err
    assert skipped in shown.err
    assert "compile it to HTML" in shown.err
