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


@pytest.mark.usefixtures("emails")
@pytest.mark.parametrize(
    ("inputs", "code", "out", "err"),
    [
        ({"FOLDER": "my emails"}, 1, "::error file=my emails/news.html,line=1,", ""),
        ({"FOLDER": "my emails", "CLIENTS": "outlook,nobody"}, 1, "", ".*nobody.*"),
        ({"FOLDER": "my emails", "SOURCE": "--env boats_app.mails:environment"}, 1, "", ".*boats_app.*"),
        ({"FOLDER": "--trust"}, 1, "", "keyturn: there is no folder --trust\n"),
    ],
    ids=["annotates", "names clients", "has the environment of the app", "a folder named like an option is a folder"],
)
def test_the_action_fails_with_what_is_wrong(
    action: Any, workplace: Path, inputs: dict[str, str], code: int, out: str, err: str
) -> None:
    done = run_check(action, workplace, **inputs)

    assert (done.returncode, bool(done.stdout)) == (code, bool(out))
    assert out in done.stdout
    assert re.fullmatch(err, done.stderr, re.DOTALL)


def test_the_action_writes_a_file_where_one_is_named(action: Any, emails: Path, workplace: Path) -> None:
    done = run_check(
        action, workplace, FOLDER=str(emails), ARGUMENTS="--format sarif --fail-on never", OUTPUT="a.sarif"
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert '"version": "2.1.0"' in Path("a.sarif").read_text("utf-8")


def test_what_a_branch_brings_is_never_a_part_of_the_program(action: Any) -> None:
    programs = [step["run"] for step in action["runs"]["steps"] if "run" in step]

    assert len(programs) == 2
    assert not any("${{" in program for program in programs)


def test_the_hook_runs_for_all_that_mails_are_made_of() -> None:
    (hook,) = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text("utf-8"))

    assert (hook["entry"], hook["pass_filenames"]) == ("keyturn check", False)
    parts = (
        "news.mjml",
        "news.html.j2",
        "news.txt",
        "news.samples.toml",
        "samples/news.json",
        "de/LC_MESSAGES/a.po",
    )
    assert all(re.search(hook["files"], f"emails/{name}") for name in parts)
    assert not re.search(hook["files"], "src/app.py")
