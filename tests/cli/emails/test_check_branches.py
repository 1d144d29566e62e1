"""check: the branches that no sample takes, and how many are ever drawn."""

import json
from pathlib import Path

import pytest
from tests.cli.command import Keyturn

pytestmark = pytest.mark.long

MJML = """\
<mjml lang="en">
  <mj-head><mj-title>News for {{ name }}</mj-title><mj-preview>What is new in the harbour</mj-preview></mj-head>
  <mj-body><mj-section><mj-column>
    <mj-text font-size="16px"><h1>News</h1><p>Dear {{ name }}, the boat is here.</p></mj-text>
    {% if status == "cancelled" %}
    <mj-text font-sise="16px">It is off.</mj-text>
    {% endif %}
    {% macro aside() %}
    <mj-text>Never</mj-text>
    {% endmacro %}
  </mj-column></mj-section></mj-body>
</mjml>
"""


@pytest.fixture
def emails(workplace: Path) -> Path:
    (folder := workplace / "emails" / "news").mkdir(parents=True)
    (folder / "news.mjml").write_text(MJML)
    (folder / "news.txt").write_text("News\n\nDear {{ name }}, the boat is here.\n")
    (folder / "samples.toml").write_text('[ada]\nname = "Ada"\nstatus = "open"\n')
    return workplace / "emails"


@pytest.mark.usefixtures("emails")
def test_a_finding_says_which_branch_has_it_and_the_end_what_is_never_drawn(keyturn: Keyturn) -> None:
    shown = keyturn("check", "emails")

    assert shown.code == 1
    assert "emails/news/news.mjml:6:14  error  mjml/unknown-attribute" in shown.out
    assert "  in news/branch: status is cancelled\n" in shown.out
    assert "2 of 3 branches rendered, 1 of them by your samples.\n" in shown.out
    assert "  never rendered: emails/news/news.mjml:9  aside is called. Nothing" in shown.out
    assert shown.err == ""


@pytest.mark.usefixtures("emails")
def test_json_holds_the_coverage_of_folders_and_templates(keyturn: Keyturn) -> None:
    coverage = json.loads(keyturn("check", "emails", "--format", "json").out)["coverage"]

    assert coverage["total"] == coverage["templates"]["news"]
    assert coverage["total"]["never_rendered"] == [
        {
            "file": "emails/news/news.mjml",
            "line": 9,
            "last_line": 9,
            "branch": "aside is called",
            "reason": "Nothing calls its macro.",
        }
    ]
    assert coverage["total"]["percent"] == 66.6
    assert list(coverage["folders"]) == [""]


def test_with_samples_only_nothing_is_looked_for(keyturn: Keyturn, emails: Path) -> None:
    shown = keyturn("check", "emails", "--samples-only")

    assert (shown.code, shown.out) == (0, "No problems in 1 template, 1 mail.\n")
    assert json.loads(keyturn("check", "emails", "--samples-only", "--format", "json").out)["coverage"] is None
    (emails / "keyturn.toml").write_text("[studio]\nbranches = false\n")
    assert keyturn("check", "emails").out == shown.out


@pytest.mark.usefixtures("emails")
def test_rules_that_are_asked_for_say_nothing_of_branches(keyturn: Keyturn) -> None:
    assert "rendered" not in keyturn("check", "emails", "--only", "links").out


def test_each_folder_has_its_own_count(keyturn: Keyturn, emails: Path) -> None:
    (emails / "orders").mkdir()
    (emails / "orders" / "paid.html").write_text("<html>{% if paid %}\nYes\n{% endif %}</html>")

    assert "\n  ./ 2 of 3, orders/ 1 of 1\n" in keyturn("check", "emails").out


def test_values_that_are_made_up_are_not_said_to_be_samples(keyturn: Keyturn, emails: Path) -> None:
    (emails / "orders").mkdir()
    (emails / "orders" / "paid.html").write_text("<html>{% if paid %}\nYes\n{% endif %}</html>")

    assert "3 of 4 branches rendered, 1 of them by your samples.\n" in keyturn("check", "emails").out
    (emails / "news" / "samples.toml").unlink()
    shown = keyturn("check", "emails").out
    assert " of 3 branches rendered, all with made-up values, as there are no samples.\n" in shown
    total = json.loads(keyturn("check", "emails", "--format", "json").out)["coverage"]["total"]
    assert total["by_samples"] == 0
