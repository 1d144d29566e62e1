"""check --browser: what a browser finds, in every format, and what it says where there is none."""

import json
import os
import sys
from pathlib import Path

import pytest
from tests.cli.command import Keyturn
from tests.programs import IS_ROOT, require_program

BROWSER = ["--browser", *(["--no-browser-sandbox"] if IS_ROOT else [])]

pytestmark = pytest.mark.long

PAGE = """\
<!doctype html>
<html lang="en"><head><title>The autumn list</title></head><body>
<h1>The autumn list</h1><div style="width:340px">Too wide for the smallest phone</div>
</body></html>
"""


@pytest.fixture
def emails(workplace: Path) -> Path:
    (workplace / "emails").mkdir()
    (workplace / "emails" / "list.html").write_text(PAGE)
    (workplace / "emails" / "list.txt").write_text("The autumn list\n")
    return workplace / "emails"


@pytest.mark.browser
def test_findings_of_a_browser_have_their_widths_in_every_format(keyturn: Keyturn, emails: Path) -> None:
    require_program("chromium", "chromium")
    shown = keyturn("check", str(emails), *BROWSER, "--only", "browser", "--format", "json")
    [finding] = json.loads(shown.out)["findings"]
    assert shown.code == 0
    assert (finding["rule"], finding["line"], finding["widths"]) == ("browser/overflow", 3, [320])
    assert finding["file"].endswith("emails/list.html")

    shown = keyturn("check", str(emails), *BROWSER, "--only", "browser/overflow", "--format", "sarif")
    [result] = json.loads(shown.out)["runs"][0]["results"]
    assert (result["ruleId"], result["properties"]["widths"]) == ("browser/overflow", [320])

    shown = keyturn("check", str(emails), *BROWSER, "--only", "browser", "--fail-on", "warning")
    assert shown.code == 1
    assert "At 320 px." in shown.out


@pytest.mark.browser
def test_a_mail_that_runs_away_is_ended_and_the_others_are_measured_and_nothing_of_it_is_kept(
    keyturn: Keyturn, emails: Path
) -> None:
    require_program("chromium", "chromium")
    (emails / "keyturn.toml").write_text("[studio]\nlimit_seconds = 1\n")
    (emails / "away.html").write_text("{% for _ in range(99999) %}{% for _ in range(99999) %}{% endfor %}{% endfor %}")
    for options, rules in ((BROWSER, ["browser/overflow", "limits/time"]), ([], ["limits/time"])):
        shown = keyturn("check", str(emails), "--only", "browser", "--only", "limits", "--format", "json", *options)
        assert (shown.code, sorted(one["rule"] for one in json.loads(shown.out)["findings"])) == (1, rules)


def test_without_playwright_it_says_how_to_get_it(
    keyturn: Keyturn, emails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    monkeypatch.setitem(sys.modules, "playwright", None)
    shown = keyturn("check", str(emails), *BROWSER)
    assert (shown.code, shown.err.strip()) == (1, "keyturn: check --browser needs: pip install 'keyturn[browser]'")


def test_without_a_browser_it_says_what_to_install(
    keyturn: Keyturn, emails: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    shown = keyturn("check", str(emails), *BROWSER)
    assert shown.code == 1
    assert shown.err.startswith("keyturn: --browser: Chromium is not installed: install")


def test_root_is_told_how_to_start_a_browser_without_its_sandbox(
    keyturn: Keyturn, emails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)  # Windows has none
    shown = keyturn("check", str(emails), "--browser")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == (
        "keyturn: --browser: root cannot start Chromium in its sandbox: run it as another user, or add "
        "--no-browser-sandbox if you trust the mails\n"
    )
    assert "add it" in keyturn("check", str(emails), "--no-browser-sandbox").err
