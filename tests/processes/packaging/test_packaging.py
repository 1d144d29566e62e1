"""The folders of a checkout and of the wheel, and the declared dependencies."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

import keyturn.errors
import keyturn.packaging

pytestmark = pytest.mark.long

PACKAGE = Path(keyturn.packaging.__file__).parent
BROUGHT_BY_OTHERS = {"django", "pytest"}
"""Packages that an app already has if it uses `keyturn.testing` or Django's templates."""


def imported_modules() -> Iterator[str]:
    """Yield each module that the package imports, in functions too, except Keyturn's own and Python's."""
    return chain.from_iterable(map(modules_imported_in, PACKAGE.rglob("*.py")))


def modules_imported_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "keyturn"})


def declared_distributions() -> set[str]:
    """Return the distributions that pyproject.toml names, as dependencies and in extras."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    return set(map(name_of, requirements))


def name_of(requirement: str) -> str:
    return normalized(re.split(r"[^\w.-]", requirement)[0])


def normalized(name: str) -> str:
    """Normalize a distribution's name for comparison (https://packaging.python.org/specifications/name-normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_whatever_is_imported_is_declared_as_a_dependency_or_in_an_extra() -> None:
    distributions, declared = packages_distributions(), declared_distributions()

    undeclared = {
        name
        for name in {module.split(".")[0] for module in imported_modules()} - BROUGHT_BY_OTHERS
        if declared.isdisjoint(map(normalized, distributions.get(name, [name])))
    }

    assert undeclared == set()


def test_the_packages_of_the_studio_are_imported_by_its_half_alone() -> None:
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    of_the_studio = {name_of(requirement) for requirement in project["optional-dependencies"]["studio"]}
    distributions = packages_distributions()

    importing = {
        (file.relative_to(PACKAGE).as_posix(), name)
        for file in PACKAGE.rglob("*.py")
        if file.relative_to(PACKAGE).parts[0] not in {"cli", "studio", "testing"}
        for name in modules_imported_in(file)
        if not of_the_studio.isdisjoint(map(normalized, distributions.get(name.split(".")[0], [])))
    }

    assert importing == set()
    assert of_the_studio.isdisjoint(map(name_of, project["dependencies"]))


def test_no_private_module_of_a_library_is_imported() -> None:
    assert {module for module in imported_modules() if "._" in module} == set()


@pytest.mark.parametrize("beside", ["site-packages", "src"])
def test_once_installed_it_is_the_one_inside_the_package(tmp_path: Path, beside: str) -> None:
    package = tmp_path / beside / "keyturn"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    for module in (keyturn.packaging, keyturn.errors):
        shutil.copy(str(module.__file__), package)
    program = "from keyturn.packaging import folder; print(folder('migrations'))"

    # Coverage leaves out the copy, which no longer exists when coverage writes its report.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=package.parent, env=environment, capture_output=True, text=True, check=True
    )

    assert Path(shown.stdout.strip()) == package / "migrations"
