"""check in CI and in editors: the pre-commit hook, the workflow action."""

import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from tests.commands.command import Keyturn
from tests.servers.processes import output_of, run
from tests.studio.folders import written

pytestmark = pytest.mark.long

TOP = Path(__file__).parents[3]
ACTION = yaml.safe_load((TOP / "action.yml").read_text("utf-8"))
PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>{}</body></html>'


@pytest.mark.parametrize(
    ("inputs", "code", "out", "err"),
    [
        ({"FOLDER": "my emails"}, 1, "::error file=my emails/news.html,line=1,", ""),
        ({"FOLDER": "my emails", "CLIENTS": "outlook,nobody"}, 1, "", ".*nobody.*"),
        (
            {"FOLDER": "my emails", "SOURCE": "--env boats_app.mails:environment"},
            1,
            "",
            ".*boats_app.*",
        ),
        ({"FOLDER": "--trust"}, 1, "", "keyturn: there is no folder --trust\n"),
        (
            {
                "FOLDER": "my emails",
                "ARGUMENTS": "--format sarif --fail-on never",
                "OUTPUT": "a.sarif",
            },
            0,
            "",
            "",
        ),
    ],
    ids=[
        "annotates",
        "names clients",
        "has the environment of the app",
        "takes no folder for an option",
        "writes",
    ],
)
def test_the_action_fails_with_what_is_wrong_or_writes_it_to_a_file(
    workplace: Path, inputs: dict[str, str], code: int, out: str, err: str
) -> None:
    page = PAGE.format("<a href='htps://boats.test'>Boats</a>")
    written(workplace / "my emails", {"news.html": page, "news.txt": "Boats: https://boats.test"})
    (workplace / "keyturn").mkdir()
    (workplace / "keyturn" / "bin").symlink_to(
        Path(sys.executable).parent
    )  # so that it runs this Keyturn
    given = {
        name.upper(): one.get("default", "") for name, one in ACTION["inputs"].items()
    } | inputs
    (program,) = (one["run"] for one in ACTION["runs"]["steps"] if one.get("name") == "Check")
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", program]
    done = run(bash, None, "", RUNNER_TEMP=str(workplace), **given)

    assert (done.returncode, bool(done.stdout), out in done.stdout) == (code, bool(out), True)
    assert re.fullmatch(err, done.stderr, re.DOTALL)
    assert code or '"version": "2.1.0"' in Path("a.sarif").read_text("utf-8")


def test_what_a_branch_brings_is_never_a_part_of_the_program() -> None:
    assert ["${{" in step["run"] for step in ACTION["runs"]["steps"] if "run" in step] == [
        False,
        False,
    ]


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


def test_what_was_not_checked_is_told(keyturn: Keyturn, workplace: Path) -> None:
    written(workplace / "emails", {"tag.html": PAGE.format("{% harbour %}")})
    shown = keyturn("check", "emails", "--format", "json")
    assert shown.code == 1
    for told in (shown.err, keyturn("check", "emails").out):
        assert re.search(r"\d mails? (was|were) not checked, or not in full: ", told)


def test_the_script_for_editors_lists_each_finding_at_its_place(tmp_path: Path) -> None:
    page = (TOP / "docs" / "check.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(import json\n.*?)```", page, re.DOTALL)
    written(
        tmp_path / "emails", {"news.html": PAGE.format("\n<a href='htps://boats.test'>Boats</a>")}
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = output_of([sys.executable, "-c", script], tmp_path, PATH=path)

    assert re.search(
        r"^emails/news\.html:2:\d+: error: .*htps.* Did you mean https:", told, re.MULTILINE
    )
