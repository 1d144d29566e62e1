"""Folders beside the checkout, and inside the wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keyturn.errors
import keyturn.packaging
from keyturn.packaging import folder


@pytest.mark.parametrize("name", ["email_templates", "frontend", "migrations", "preview"])
def test_in_a_checkout_it_is_the_one_at_the_top(name: str) -> None:
    top = Path(keyturn.packaging.__file__).parents[2]

    assert folder(name) == top / name
    assert (top / "pyproject.toml").is_file()


@pytest.mark.parametrize("beside", ["site-packages", "src"])
def test_once_installed_it_is_the_one_inside_the_package(tmp_path: Path, beside: str) -> None:
    package = tmp_path / beside / "keyturn"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    for module in (keyturn.packaging, keyturn.errors):
        shutil.copy(str(module.__file__), package)
    program = "from keyturn.packaging import folder; print(folder('migrations'))"

    # The copy is measured by nobody: it is gone when a report would read it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=package.parent, env=environment, capture_output=True, text=True, check=True
    )

    assert Path(shown.stdout.strip()) == package / "migrations"
