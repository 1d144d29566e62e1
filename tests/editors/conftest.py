"""The packed extension."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.adoption.packages import install_packages
from tests.editors import code_server
from tests.programs import require_program
from tests.versions import CHECKOUT

collect_ignore = [] if code_server.ENTRY else ["test_in_vscode.py"]


@pytest.fixture(scope="session")
def extension(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack the extension as `just extension` does; return the file."""
    require_program("npm", "npm")
    folder = tmp_path_factory.mktemp("extension") / "vscode"
    source = CHECKOUT / "editors" / "vscode"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    install_packages(folder)
    vsce = folder / "node_modules" / "@vscode" / "vsce" / "vsce"
    command = [node, str(vsce), "package", "--no-dependencies", "--out", "keyturn.vsix"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "keyturn.vsix"
