"""The workflows of GitHub: zizmor finds nothing, and only the job that publishes has a right."""

import re

import pytest
import yaml
from tests.processes.packaging.release import PROJECT, REPOSITORY, run_tool
from tests.versions import CHECKOUT

pytestmark = pytest.mark.long

WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))


def test_zizmor_finds_nothing_and_each_action_is_pinned_by_its_commit() -> None:
    files = [*WORKFLOWS, CHECKOUT / "action.yml"]
    run_tool("zizmor", "zizmor", "--offline", "--no-progress", *map(str, files))
    for file in files:
        used = re.findall(r"uses: (.*)", file.read_text("utf-8"))
        assert used
        assert [
            one
            for one in used
            if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)
        ] == []


def test_only_the_job_that_publishes_has_an_identity_and_it_runs_nothing_of_the_repository() -> (
    None
):
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "release.yml"]
    flows = [yaml.safe_load(file.read_text("utf-8")) for file in WORKFLOWS]
    assert [flow["permissions"] for flow in flows] == [{}, {}]
    jobs = {name: job for flow in flows for name, job in flow["jobs"].items()}
    reads = {"contents": "read"}
    rights = {"quick": reads, "check": reads, "build": reads, "publish": {"id-token": "write"}}
    assert {name: job["permissions"] for name, job in jobs.items()} == rights
    uses = [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]]
    assert uses == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]


def test_the_documented_verification_names_the_repository() -> None:
    page = (CHECKOUT / "docs" / "operating.md").read_text("utf-8")
    (command,) = re.findall(r"(?m)^uvx (pypi-attestations .*)$", page)
    *words, file = command.split()
    assert words == ["pypi-attestations", "verify", "pypi", "--repository", REPOSITORY]
    assert re.fullmatch(rf"pypi:{PROJECT['name']}-[\w.]+-py3-none-any\.whl", file)
