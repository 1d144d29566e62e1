"""check on a folder that has a past: severities, a baseline, only what has changed."""

import json
import re
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.mails.repositories import git
from tests.studio.folders import written
from tests.studio.web.fixtures import checked_page, opened

from keyturn.cli.studio.folders import Source, open_folder, usual_baseline
from keyturn.studio.web.app import Studio

pytestmark = pytest.mark.long

HEAD = (
    "<mj-head><mj-title>News</mj-title><mj-preview>What is new in the "
    "harbour</mj-preview></mj-head>"
)
MJML = f"""\
<mjml lang="en">{HEAD}<mj-body><mj-section><mj-column>
<mj-text font-size="16px"><h1>News</h1><p>The boat is here.</p></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
BAD = '<mj-text font-sise="16px">Boats</mj-text>\n'
RANKS = ["never", "error", "warning", "note"]
LISTED = re.compile(r'id="findings-of-(\w+)".*?aria-label="Findings: (\d+ error)')
"""Errors of a template in the studio's list."""


@pytest.fixture
def emails(workplace: Path) -> Path:
    write(workplace / "emails", "news", BAD)
    write(workplace / "emails", "boats", BAD)
    return workplace / "emails"


def write(folder: Path, name: str, more: str) -> None:
    mjml, text = MJML.replace("</mj-column>", f"{more}</mj-column>"), "News\n\nThe boat is here.\n"
    written(
        folder, {f"{name}.mjml": mjml, f"{name}.txt": text, f"{name}.samples.toml": "[first]\n"}
    )


def settings(text: str) -> None:
    Path("emails/keyturn.toml").write_text(text, "utf-8")


@pytest.mark.usefixtures("emails")
def test_a_rule_is_as_severe_as_the_settings_say_and_what_fails_is_what_was_asked_for(
    keyturn: Keyturn,
) -> None:
    settings('[studio.severity]\nmjml = "off"\n"mjml/unknown-attribute" = "note"\n')
    shown = keyturn("check", "emails", "--only", "mjml")
    assert (shown.code, shown.out.splitlines()[0]) == (
        0,
        "emails/boats.mjml:3:10  note  mjml/unknown-attribute",
    )
    settings('[studio.severity]\nmjml = "off"\n')
    assert "No problems in" in keyturn("check", "emails", "--only", "mjml").out
    settings('[studio.severity]\nmjml = "fatal"\n"mjml/unknown-atribute" = "note"\n')
    refused = keyturn("check", "emails")
    assert refused.code == 1
    assert "severity.mjml: must be error, warning, note or off, not 'fatal'" in refused.err
    assert (
        "no rule or group is called 'mjml/unknown-atribute' (did you mean mjml/unknown-attribute?)"
        in refused.err
    )
    for severity in RANKS[1:]:
        settings(f'[studio.severity]\nmjml = "{severity}"\n')
        codes = [
            keyturn("check", "emails", "--only", "mjml", "--fail-on", rank).code for rank in RANKS
        ]
        assert codes == [RANKS.index(severity) <= RANKS.index(rank) for rank in RANKS]


def test_only_what_is_new_since_the_baseline_is_told_here_and_in_the_studio(
    keyturn: Keyturn, emails: Path
) -> None:
    accepted = keyturn("check", "emails", "--write-baseline")
    count = int(accepted.out.split()[0])
    assert (accepted.code, count >= 2, "emails/keyturn-baseline.json" in accepted.out) == (
        0,
        True,
        True,
    )
    shown = keyturn("check", "emails")
    assert (shown.code, shown.out) == (
        0,
        f"No problems in 2 templates, 2 mails, {count} in the baseline.\n",
    )
    write(emails, "boats", "<mj-spacer />\n" + BAD)  # the line moved
    assert keyturn("check", "emails").code == 0
    write(emails, "boats", BAD + BAD)  # the same once more
    shown = keyturn("check", "emails", "--format", "json")
    told = json.loads(shown.out)
    assert [(one["rule"], one["line"]) for one in told["findings"]] == [
        ("mjml/unknown-attribute", 4)
    ]
    assert (shown.code, told["in_baseline"]) == (1, count)
    write(emails, "boats", BAD.replace("Boats", "Ships"))  # who touches a line fixes it
    assert keyturn("check", "emails").code == 1

    source = open_folder(Source(emails))
    baseline = usual_baseline(source)
    client = opened(
        Studio(gallery=source.gallery, sender="a@example.test", baseline=baseline, token="")
    )
    pages = [checked_page(client, f"findings{query}") for query in ("?words=news", "")]
    assert [re.findall(r'id="severity-error"[^>]*><b>(\d+)</b>', page) for page in pages] == [
        ["0"],
        ["1"],
    ]
    assert re.findall(LISTED, pages[1]) == [("boats", "1 error")]
    assert "No problems found" in client.get("/studio/templates/news?tab=checks").text
    (emails / "keyturn-baseline.json").write_text("{")
    page = checked_page(client, "findings")
    assert 'class="trouble" role="alert"' in page
    assert [name for name, _ in re.findall(LISTED, page)] == ["boats", "news"]


def test_a_baseline_that_is_none_or_a_folder_is_a_sentence(keyturn: Keyturn, emails: Path) -> None:
    file = emails / "keyturn-baseline.json"
    for content in ("", '{"version": 2}', '{"findings": {"a": 1}}', "\xff"):
        file.write_text(content, "latin-1")
        refused = keyturn("check", "emails")
        assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
        assert refused.err.startswith(f"keyturn: {file} is not a baseline: ")
    file.unlink()
    file.mkdir()
    told = keyturn("check", "emails", "--write-baseline").err
    assert told.endswith("keyturn-baseline.json cannot be written: Is a directory\n")


@pytest.fixture
def committed(emails: Path) -> Path:
    (emails / "_boat.mjml").write_text(BAD, "utf-8")
    write(emails, "news", "{% include '_boat.mjml' %}")
    git("init", "--quiet", "--initial-branch", "main")
    commit("Mails")
    return emails


def commit(message: str) -> None:
    git("add", ".")
    git("commit", "--quiet", "--message", message)


def changed(keyturn: Keyturn, *more: str) -> set[str]:
    shown = keyturn(
        "check", "emails", "--only-changed", "--only", "mjml", "--format", "json", *more
    )
    assert shown.err == ""
    return {
        mail.partition(" ")[0] for one in json.loads(shown.out)["findings"] for mail in one["mails"]
    }


NEWS, BOATS = {"news/first"}, {"boats/first"}


def test_only_mails_are_checked_that_are_made_of_what_has_changed(
    keyturn: Keyturn, committed: Path
) -> None:
    for name, text, mails in (
        ("boats.mjml", MJML.replace("</mj-column>", f"{BAD}{BAD}</mj-column>"), BOATS),
        ("boats.samples.toml", '[first]\nname = "Ada"\n', BOATS),
        ("_boat.mjml", BAD + BAD, NEWS),
        ("README.md", "Boats", set()),
        ("keyturn-baseline.json", '{"version": 1}', set()),
        ("keyturn.toml", "[studio]\n", BOATS | NEWS),
        ("locales/de/LC_MESSAGES/messages.po", "", BOATS | NEWS),
    ):
        assert changed(keyturn) == set()
        written(committed, {name: text})
        assert changed(keyturn) == mails, name
        git("clean", "--force", "-d", "--quiet")
        git("checkout", "--quiet", ".")


def test_what_counts_is_the_difference_from_the_base_without_what_others_did_meanwhile(
    keyturn: Keyturn, committed: Path
) -> None:
    git("switch", "--quiet", "--create", "branch")
    write(committed, "news", BAD + BAD)
    write(committed, "ships", BAD)  # git does not know it
    assert changed(keyturn) == NEWS | {"ships/first"}
    without_git = keyturn(
        "check", "emails", "--only-changed", "--only", "mjml", PATH="/nonexistent"
    )
    assert "in 2 templates" in without_git.out
    commit("Mine")
    assert (changed(keyturn), changed(keyturn, "--base", "HEAD~1")) == (
        set(),
        NEWS | {"ships/first"},
    )

    git("switch", "--quiet", "main")
    write(committed, "boats", BAD + BAD)
    commit("Theirs")
    git("switch", "--quiet", "branch")
    assert changed(keyturn, "--base", "main") == NEWS | {"ships/first"}


@pytest.mark.usefixtures("emails")
def test_a_commit_that_git_does_not_know_is_a_sentence(
    keyturn: Keyturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a folder outside of any repository. Before the first commit everything is new."""

    def refused(*more: str) -> str:
        ended = keyturn("check", "emails", "--only-changed", *more)
        assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
        return ended.err

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    assert "not a git repository" in refused()
    git("init", "--quiet")
    assert changed(keyturn) == NEWS | BOATS
    commit("Mails")
    for base in ("nosuch", "--output=/tmp/boats", "HEAD^{tree}"):
        told = refused(f"--base={base}")
        assert (told.startswith("keyturn: --only-changed: git cannot compare "), base in told) == (
            True,
            True,
        )
