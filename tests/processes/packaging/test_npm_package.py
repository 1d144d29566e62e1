"""The package `keyturn` for npm, made from `frontend/`: what it holds, and two projects that
install it.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.packages import install_packages
from tests.processes.packaging.release import REPOSITORY
from tests.programs import require_program
from tests.servers.processes import output_of
from tests.servers.serving import held_ports
from tests.versions import CHECKOUT

import keyturn

pytestmark = pytest.mark.long

FRONTEND = CHECKOUT / "frontend"
MANIFEST = json.loads((FRONTEND / "package.json").read_text("utf-8"))

Runs = Callable[..., str]


@pytest.fixture
def npm(node: str, tmp_path: Path) -> Runs:
    assert node
    program = require_program("npm", "npm")

    def run(*words: str, folder: Path = tmp_path) -> str:
        return output_of(
            [program, *words, "--offline", "--ignore-scripts", "--no-audit", "--no-fund"], folder
        )

    return run


@pytest.fixture
def project(npm: Runs, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a project that has installed the tarball.

    Vite and TypeScript are in the folder above it.
    """
    (packed,) = json.loads(npm("pack", str(FRONTEND), "--json"))
    shutil.copytree(Path(__file__).parent / "npm", tmp_path / "npm")
    install_packages(tmp_path / "npm")
    folder = tmp_path / "npm" / str(request.param)
    npm("install", str(tmp_path / str(packed["filename"])), folder=folder)
    return folder


def run_tool(folder: Path, node: str, name: str, *words: str) -> str:
    return output_of([node, str(folder.parent / "node_modules" / name), *words], folder)


def test_it_holds_the_modules_their_types_and_the_licence(npm: Runs) -> None:
    (packed,) = json.loads(npm("pack", str(FRONTEND), "--json", "--dry-run"))
    modules = {str(file.relative_to(FRONTEND)) for file in FRONTEND.rglob("*.js")}
    others = {"keyturn.d.ts", "package.json", "README.md", "LICENSE"}
    assert {file["path"] for file in packed["files"]} == modules | others
    assert (FRONTEND / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()


def test_it_has_the_version_of_the_python_package_as_npm_writes_it_and_its_repository() -> None:
    assert MANIFEST["version"] == re.sub(r"(a|b|rc)(?=\d)", r"-\1.", keyturn.__version__)
    assert MANIFEST["repository"]["url"] == f"git+{REPOSITORY}.git"


@pytest.mark.parametrize("project", ["vite"], indirect=True)
def test_a_vite_project_type_checks_and_builds_and_reads_the_scripts_of_the_docs(
    project: Path, node: str
) -> None:
    run_tool(project, node, "typescript/bin/tsc")
    run_tool(project, node, "vite/bin/vite.js", "build")
    (built,) = (project / "dist" / "assets").glob("*.js")

    elements = ("keyturn-forgot", "keyturn-code", "keyturn-reset", "keyturn-change-password")
    assert [element for element in elements if element not in built.read_text("utf-8")] == []

    pages = "\n".join(page.read_text("utf-8") for page in (CHECKOUT / "docs").rglob("*.md"))
    blocks = re.findall(r"(?ms)^```(js|tsx?)\n(.*?)^```$", pages)
    for number, (kind, code) in enumerate(blocks):
        (project / f"block{number}.{kind}").write_text(code, "utf-8")

    assert len(blocks) > 10
    files = [file.name for file in project.glob("block*")]
    assert output_of([node, "../syntax.js", *files], project) == ""


@pytest.mark.parametrize("project", ["plain"], indirect=True)
def test_a_plain_project_type_checks_and_runs_the_client_without_a_browser(
    project: Path, node: str
) -> None:
    run_tool(project, node, "typescript/bin/tsc")
    with held_ports(1) as (port,):
        assert (
            output_of([node, "main.js", f"http://127.0.0.1:{port}"], project)
            == "urn:keyturn:problem:unreachable\n"
        )
