"""The extension for VS Code: what it declares, its own tests in Node, and what is packed.

`test_in_vscode.py` tries it in VS Code.
"""

import json
import re
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.release import REGISTRIES, REPOSITORY
from tests.versions import CHECKOUT

import keyturn
from keyturn.cli.emails.studio import studio

pytestmark = pytest.mark.long

EXTENSION = CHECKOUT / "editors" / "vscode"
MANIFEST: Any = json.loads((EXTENSION / "package.json").read_text("utf-8"))
SOURCE = (EXTENSION / "src" / "extension.js").read_text("utf-8")
SETTINGS = {name.removeprefix("keyturn.") for name in MANIFEST["contributes"]["configuration"]["properties"]}


@pytest.mark.parametrize("page", ["editors/vscode/README.md", "docs/editors.md"])
def test_the_pages_list_all_settings_and_no_others(page: str) -> None:
    text = (CHECKOUT / page).read_text("utf-8")
    assert set(re.findall(r"^\| `keyturn\.(\w+)`", text, re.MULTILINE)) == SETTINGS


def test_it_reads_the_settings_and_registers_the_commands_that_it_declares() -> None:
    declared = {command["command"] for command in MANIFEST["contributes"]["commands"]}

    assert set(re.findall(r'\.get\("(\w+)"', SOURCE)) == SETTINGS
    assert set(re.findall(r'registerCommand\("([\w.]+)"', SOURCE)) == declared
    assert set(re.findall(r'openSetting\("(\w+)"', SOURCE)) <= SETTINGS


def test_it_starts_nothing_in_a_workspace_that_is_not_trusted_or_not_on_a_disk() -> None:
    supported = {name: value["supported"] for name, value in MANIFEST["capabilities"].items()}
    assert supported == {"untrustedWorkspaces": False, "virtualWorkspaces": False}


def test_the_options_that_it_passes_are_those_of_the_command() -> None:
    passed = set(re.findall(r'"(--[\w-]+)"', SOURCE))
    assert passed == {"--port", "--framed-by"}
    assert passed <= {option for parameter in studio.params for option in parameter.opts}


def test_it_has_the_version_licence_and_repository_of_keyturn_and_an_icon_for_the_list() -> None:
    assert keyturn.__version__.startswith(MANIFEST["version"])  # a list of extensions knows no release candidates
    assert (EXTENSION / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()
    assert MANIFEST["repository"]["url"] == f"{REPOSITORY}.git"
    assert struct.unpack(">II", (EXTENSION / MANIFEST["icon"]).read_bytes()[16:24]) == (128, 128)


def test_its_own_tests_pass(node: str) -> None:
    done = subprocess.run(
        [node, "--test", "test/"], cwd=EXTENSION, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^# pass [1-9]\d", done.stdout, re.MULTILINE)


def test_it_is_packed_as_one_module_without_development_files(extension: Path) -> None:
    with zipfile.ZipFile(extension) as packed:
        names = {name.removeprefix("extension/") for name in packed.namelist() if name.startswith("extension/")}
        module = packed.read("extension/dist/extension.js")
    shown = {"readme.md", "changelog.md", "LICENSE.txt", "icon.png"}
    declared = {"language-configuration.json", "syntaxes/mjml.tmLanguage.json"}
    assert names == {"package.json", "dist/extension.js", *shown, *declared}
    assert not REGISTRIES.search(module)
    assert set(re.findall(rb'require\("([\w/.-]+)"\)', module)) >= {b"vscode"}
    assert not re.search(rb'require\("vscode-', module)
