"""check: the branches that no sample takes."""

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
def test_a_finding_says_which_branch_has_it(keyturn: Keyturn) -> None:
    shown = keyturn("check", "emails")

    assert shown.code == 1
    assert "emails/news/news.mjml:6:14  error  mjml/unknown-attribute" in shown.out
    assert "  in news/branch: news.mjml:6\n" in shown.out
    assert shown.err == ""


def test_with_samples_only_nothing_is_looked_for(keyturn: Keyturn, emails: Path) -> None:
    shown = keyturn("check", "emails", "--samples-only")

    assert (shown.code, shown.out) == (0, "No problems in 1 template, 1 mail.\n")
    (emails / "keyturn.toml").write_text("[studio]\nbranches = false\n")
    assert keyturn("check", "emails").out == shown.out
