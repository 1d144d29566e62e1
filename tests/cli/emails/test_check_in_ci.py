"""The pre-commit hook and the workflow action: what they run is a command that there is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.long

TOP = Path(__file__).parents[3]
PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>{}</body></html>'


@pytest.fixture
def action() -> Any:
    return yaml.safe_load((TOP / "action.yml").read_text("utf-8"))


@pytest.fixture
def emails(workplace: Path) -> Path:
    folder = workplace / "my emails"
    folder.mkdir()
    (folder / "news.html").write_text(PAGE.format("<a href='htps://boats.test'>Boats</a>"), "utf-8")
    (folder / "news.txt").write_text("Boats: https://boats.test", "utf-8")
    return folder


def run_check(action: Any, workplace: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a step as the action does, with this Keyturn."""
    (workplace / "keyturn").mkdir()
    (workplace / "keyturn" / "bin").symlink_to(Path(sys.executable).parent)
    inputs = {name.upper(): one.get("default", "") for name, one in action["inputs"].items()} | environment
    everything = {**os.environ, "RUNNER_TEMP": str(workplace), **inputs}
    (program,) = (one["run"] for one in action["runs"]["steps"] if one.get("name") == "Check")
    run = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", program]
    return subprocess.run(run, env=everything, capture_output=True, text=True, check=False)


def test_the_action_annotates_and_fails(action: Any, emails: Path, workplace: Path) -> None:
    done = run_check(action, workplace, FOLDER=str(emails.relative_to(workplace)))

    assert (done.returncode, done.stderr) == (1, "")
    assert "::error file=my emails/news.html,line=1," in done.stdout


def test_the_action_writes_a_file_where_one_is_named(action: Any, emails: Path, workplace: Path) -> None:
    done = run_check(
        action, workplace, FOLDER=str(emails), ARGUMENTS="--format sarif --fail-on never", OUTPUT="a.sarif"
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert '"version": "2.1.0"' in Path("a.sarif").read_text("utf-8")


def test_the_action_checks_for_the_clients_that_are_named(action: Any, emails: Path, workplace: Path) -> None:
    done = run_check(action, workplace, FOLDER=str(emails), CLIENTS="outlook,nobody")

    assert done.returncode != 0
    assert "nobody" in done.stderr


def test_the_action_reads_the_folder_with_the_environment_of_the_app(
    action: Any, emails: Path, workplace: Path
) -> None:
    done = run_check(action, workplace, FOLDER=str(emails), SOURCE="--env boats_app.mails:environment")

    assert done.returncode == 1
    assert "boats_app" in done.stderr


def test_what_a_branch_brings_is_never_a_part_of_the_program(action: Any) -> None:
    programs = [step["run"] for step in action["runs"]["steps"] if "run" in step]

    assert len(programs) == 2
    assert not any("${{" in program for program in programs)


def test_a_folder_named_like_an_option_is_a_folder(action: Any, workplace: Path) -> None:
    done = run_check(action, workplace, FOLDER="--trust")

    assert (done.returncode, done.stderr) == (1, "keyturn: there is no folder --trust\n")


def test_the_hook_runs_for_all_that_mails_are_made_of() -> None:
    (hook,) = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text("utf-8"))

    assert (hook["entry"], hook["pass_filenames"]) == ("keyturn check", False)
    parts = (
        "news.mjml",
        "news.html.j2",
        "news.txt",
        "news.samples.toml",
        "samples/news.yaml",
        "de/LC_MESSAGES/a.po",
    )
    assert all(re.search(hook["files"], f"emails/{name}") for name in parts)
    assert not re.search(hook["files"], "src/app.py")
