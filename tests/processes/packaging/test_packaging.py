"""The folders of a checkout and of the wheel, and the declared dependencies."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import keyturn.extras

pytestmark = pytest.mark.long

PACKAGE = Path(keyturn.extras.__file__).parent
BROUGHT_BY_OTHERS = {"django", "pytest"}
"""Packages that an app already has if it uses `keyturn.testing` or Django's templates."""


def modules_imported_in(file: Path) -> Iterator[str]:
    """Yield each module that a file imports, in functions too, except Keyturn's
    own and Python's.
    """
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (
            name
            for name in names
            if name.split(".")[0] not in {*sys.stdlib_module_names, "keyturn"}
        )


IMPORTED = {
    (file.relative_to(PACKAGE), name)
    for file in PACKAGE.rglob("*.py")
    for name in modules_imported_in(file)
}
PROJECT = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
DISTRIBUTIONS = packages_distributions()


def distributions_of(module: str) -> set[str]:
    name = module.partition(".")[0]
    return set(map(canonicalize_name, DISTRIBUTIONS.get(name, [name])))


def name_of(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def test_what_is_imported_is_a_declared_dependency_and_no_private_module() -> None:
    requirements = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    declared = {*map(name_of, requirements), *BROUGHT_BY_OTHERS}
    assert {name for _, name in IMPORTED if declared.isdisjoint(distributions_of(name))} == set()
    assert {name for _, name in IMPORTED if "._" in name} == set()


def test_packages_of_the_studio() -> None:
    """The packages that the studio asks for before it starts are those of its extra."""
    declared = {name_of(requirement) for requirement in PROJECT["optional-dependencies"]["studio"]}
    assert {*keyturn.extras.STUDIO_PACKAGES} == declared


def test_the_packages_of_the_studio_are_imported_by_its_half_alone() -> None:
    of_the_studio = {
        name_of(requirement) for requirement in PROJECT["optional-dependencies"]["studio"]
    }
    elsewhere = [
        (file, name) for file, name in IMPORTED if file.parts[0] not in {"cli", "studio", "testing"}
    ]
    assert [
        one for one in elsewhere if not of_the_studio.isdisjoint(distributions_of(one[1]))
    ] == []
    assert of_the_studio.isdisjoint(map(name_of, PROJECT["dependencies"]))
